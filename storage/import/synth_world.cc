#include "storage/import/synth_world.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <unordered_set>
#include <utility>

#include "common/error.h"
#include "common/random.h"

namespace hearth {
namespace {

// The first counter of a stream of Purpose::kSynthetic. Never change a value or use one twice: the
// documentation has figures of the default data set.
enum Draw : uint64_t {
  kAgeTaste = 1,
  kGenderTaste = 2,
  kOccupationTaste = 3,
  kGenreTaste = 4,
  kGenreQuality = 5,
  kUserDraw = 6,
  kItemDraw = 7,
  kPopularity = 8,
  kHistoryLength = 9,
  kHistory = 10,
  kTastePair = 11,
};

constexpr double kMeanLabel = 3.3, kLabelSd = 1.1;
constexpr int kLowestLabel = 1, kHighestLabel = 5;
constexpr double kTasteDecay = 0.6;    // weight of a taste dimension / weight of the one before
constexpr double kSaturation = 0.8;    // slope inside the tanh of the taste
constexpr double kHistorySigma = 0.6;  // sigma of the log-normal history length
constexpr double kPopularityQuality = 0.5;     // weight of an item's quality in its popularity rank
constexpr double kOldShare = 0.7;              // share of items released before the log starts
constexpr int64_t kStartTime = 1'577'836'800;  // 2020-01-01
constexpr int64_t kWindowSec = int64_t{3} * 365 * 86'400;
constexpr double kMeanGapSec = 6 * 3600.0;  // mean time between two events of a user
constexpr int64_t kFirstYear = 1970, kYears = 50;

std::vector<double> NormalVector(int64_t size, RandomStream* stream) {
  std::vector<double> vector(size);
  for (double& value : vector) value = stream->NextNormal();
  return vector;
}

std::vector<std::vector<double>> NormalVectors(size_t count, const SynthOptions& options,
                                               Draw draw) {
  std::vector<std::vector<double>> vectors;
  for (size_t i = 0; i < count; ++i) {
    RandomStream stream(options.seed, Purpose::kSynthetic, draw, i);
    vectors.push_back(NormalVector(options.latent_size, &stream));
  }
  return vectors;
}

void AddScaled(const std::vector<double>& from, double scale, std::vector<double>* to) {
  for (size_t i = 0; i < from.size(); ++i) (*to)[i] += scale * from[i];
}

void Scale(double scale, std::vector<double>* vector) {
  for (double& value : *vector) value *= scale;
}

double NormalTail(double x) { return 0.5 * std::erfc(x / std::numbers::sqrt2); }

double RoundAndClip(double score) {
  return std::clamp(std::round(score), double{kLowestLabel}, double{kHighestLabel});
}

}  // namespace

SynthWorld::SynthWorld(const SynthOptions& options)
    : options_(options),
      age_tastes_(NormalVectors(kAges.size(), options, kAgeTaste)),
      gender_tastes_(NormalVectors(kGenders.size(), options, kGenderTaste)),
      occupation_tastes_(NormalVectors(kOccupations.size(), options, kOccupationTaste)),
      genre_tastes_(NormalVectors(kGenres.size(), options, kGenreTaste)) {
  const double noise_share = 1.0 - options.bias_share - options.quality_share - options.taste_share;
  noise_sd_ = kLabelSd * std::sqrt(std::max(0.0, noise_share));
  RandomStream stream(options.seed, Purpose::kSynthetic, kGenreQuality);
  genre_qualities_ = NormalVector(std::ssize(kGenres), &stream);
  items_.reserve(options.items);
  for (int64_t i = 0; i < options.items; ++i) items_.push_back(MakeItem(i));
  RankByPopularity();
  StandardiseTaste();
}

SynthUser SynthWorld::User(int64_t number) const {
  RandomStream stream(options_.seed, Purpose::kSynthetic, kUserDraw, number);
  SynthUser user;
  user.age = stream.NextBelow(kAges.size());
  user.gender = stream.NextBelow(kGenders.size());
  user.occupation = stream.NextBelow(kOccupations.size());
  user.bias = stream.NextNormal();
  user.taste = NormalVector(options_.latent_size, &stream);
  Scale(std::sqrt(1.0 - options_.user_feature_share), &user.taste);
  const double scale = std::sqrt(options_.user_feature_share / 3.0);
  AddScaled(age_tastes_[user.age], scale, &user.taste);
  AddScaled(gender_tastes_[user.gender], scale, &user.taste);
  AddScaled(occupation_tastes_[user.occupation], scale, &user.taste);
  return user;
}

SynthItem SynthWorld::MakeItem(int64_t number) const {
  RandomStream stream(options_.seed, Purpose::kSynthetic, kItemDraw, number);
  SynthItem item;
  const int64_t genre_count = 1 + stream.NextBelow(3);
  const RandomStream genre_stream(options_.seed, Purpose::kSynthetic, kGenreTaste,
                                  kGenres.size() + number);
  const std::vector<int64_t> genres =
      SampleWithoutReplacement(std::ssize(kGenres), genre_count, genre_stream);
  item.genres.assign(genres.begin(), genres.end());
  std::sort(item.genres.begin(), item.genres.end());
  item.year = kFirstYear + stream.NextBelow(kYears);
  if (stream.NextDouble() >= kOldShare) {
    item.release_time = kStartTime + stream.NextBelow(kWindowSec);
    item.year = kFirstYear + kYears + (item.release_time - kStartTime) / (365 * 86'400);
  }
  const double share = options_.item_feature_share;
  // Older items are better: only good ones stay available for a long time.
  const double age_effect =
      (kFirstYear + kYears / 2.0 - static_cast<double>(item.year)) / (kYears / std::sqrt(12.0));
  item.quality = std::sqrt(1.0 - share) * stream.NextNormal() + std::sqrt(share / 2) * age_effect;
  item.taste = NormalVector(options_.latent_size, &stream);
  Scale(std::sqrt(1.0 - share), &item.taste);
  const double per_genre = 1.0 / std::sqrt(static_cast<double>(genre_count));
  for (const size_t genre : item.genres) {
    AddScaled(genre_tastes_[genre], std::sqrt(share) * per_genre, &item.taste);
    item.quality += std::sqrt(share / 2) * per_genre * genre_qualities_[genre];
  }
  return item;
}

void SynthWorld::RankByPopularity() {
  std::vector<std::pair<double, size_t>> order;
  for (size_t i = 0; i < items_.size(); ++i) {
    RandomStream stream(options_.seed, Purpose::kSynthetic, kPopularity, i);
    order.emplace_back(-stream.NextNormal() - kPopularityQuality * items_[i].quality, i);
  }
  std::sort(order.begin(), order.end());
  cumulative_popularity_.resize(items_.size());
  for (size_t rank = 0; rank < order.size(); ++rank) {
    cumulative_popularity_[order[rank].second] =
        std::pow(static_cast<double>(rank) + 10.0, -options_.zipf_exponent);
  }
  std::partial_sum(cumulative_popularity_.begin(), cumulative_popularity_.end(),
                   cumulative_popularity_.begin());
}

double SynthWorld::RawTaste(const SynthUser& user, const SynthItem& item) const {
  double dot = 0, squares = 0, weight = 1;
  for (size_t i = 0; i < user.taste.size(); ++i) {
    dot += weight * user.taste[i] * item.taste[i];
    squares += weight * weight;
    weight *= kTasteDecay;
  }
  return std::tanh(kSaturation * dot / std::sqrt(squares));
}

void SynthWorld::StandardiseTaste() {
  constexpr int kPairs = 20'000;
  RandomStream stream(options_.seed, Purpose::kSynthetic, kTastePair);
  double sum = 0, squares = 0;
  for (int i = 0; i < kPairs; ++i) {
    const int64_t user = stream.NextBelow(options_.users);
    const double taste = RawTaste(User(user), items_[stream.NextBelow(items_.size())]);
    sum += taste;
    squares += taste * taste;
  }
  taste_mean_ = sum / kPairs;
  taste_sd_ = std::sqrt(squares / kPairs - taste_mean_ * taste_mean_);
}

double SynthWorld::MeanScore(const SynthUser& user, int64_t number) const {
  const SynthItem& item = Item(number);
  const double taste = (RawTaste(user, item) - taste_mean_) / taste_sd_;
  return kMeanLabel + kLabelSd * (std::sqrt(options_.bias_share) * user.bias +
                                  std::sqrt(options_.quality_share) * item.quality +
                                  std::sqrt(options_.taste_share) * taste);
}

double SynthWorld::ExpectedLabel(const SynthUser& user, int64_t item) const {
  const double mean = MeanScore(user, item);
  if (options_.real_labels) return mean;
  if (noise_sd_ == 0.0) return RoundAndClip(mean);
  // E[label] = lowest + sum over k of P(label > k); rounding gives label > k if score > k + 1/2.
  double expected = kLowestLabel;
  for (int k = kLowestLabel; k < kHighestLabel; ++k) {
    expected += NormalTail((k + 0.5 - mean) / noise_sd_);
  }
  return expected;
}

int64_t SynthWorld::DrawHistoryLength(uint64_t user) const {
  RandomStream stream(options_.seed, Purpose::kSynthetic, kHistoryLength, user);
  const double mean_log = std::log(options_.events_per_user) - kHistorySigma * kHistorySigma / 2.0;
  const double length = std::exp(mean_log + kHistorySigma * stream.NextNormal());
  const double longest = static_cast<double>(options_.items) / 4.0;
  return std::llround(std::clamp(length, options_.events_per_user / 6.0, longest));
}

std::vector<SynthEvent> SynthWorld::History(int64_t number) const {
  const SynthUser user = User(number);
  RandomStream stream(options_.seed, Purpose::kSynthetic, kHistory, number);
  std::vector<SynthEvent> history(DrawHistoryLength(number));
  std::unordered_set<int64_t> drawn;
  double time = kStartTime + stream.NextDouble() * kWindowSec;
  for (SynthEvent& event : history) {
    time -= std::log(1.0 - stream.NextDouble()) * kMeanGapSec;
    event.time = static_cast<int64_t>(time);
    // The loop ends soon: a history has at most a quarter of all items, and most items are
    // available from the start.
    do {
      const double point = stream.NextDouble() * cumulative_popularity_.back();
      const auto found = std::upper_bound(cumulative_popularity_.begin(),
                                          std::prev(cumulative_popularity_.end()), point);
      event.item = found - cumulative_popularity_.begin();
    } while (Item(event.item).release_time > event.time || drawn.contains(event.item));
    drawn.insert(event.item);
    const double score = MeanScore(user, event.item) + noise_sd_ * stream.NextNormal();
    event.label = static_cast<float>(options_.real_labels ? score : RoundAndClip(score));
  }
  return history;
}

}  // namespace hearth
