#include "sampler/episode_sampler.h"

#include <algorithm>
#include <cmath>

#include "common/error.h"
#include "common/to_underlying.h"

namespace hearth {
namespace {

using Positions = std::vector<int64_t>;

Positions Ascending(Positions positions) {
  std::ranges::sort(positions);
  return positions;
}

// Draws `count` of the positions at random. Smaller draws are part of larger ones.
Positions DrawFrom(const Positions& positions, int64_t count, RandomStream stream) {
  Positions drawn = SampleWithoutReplacement(std::ssize(positions), count, stream);
  for (int64_t& position : drawn) position = positions[position];
  return Ascending(std::move(drawn));
}

bool IsQuery(uint8_t role) { return static_cast<EventRole>(role) == EventRole::kQuery; }

// Query rows come first in the draw, so that they do not depend on the support size.
Episode DrawAtRandom(int64_t count, const EpisodeSizes& sizes, RandomStream stream) {
  const Positions drawn = SampleWithoutReplacement(count, sizes.rows(), stream);
  const auto middle = drawn.begin() + sizes.query;
  return {.support = Ascending(Positions(middle, drawn.end())),
          .query = Ascending(Positions(drawn.begin(), middle))};
}

Episode DrawByRole(const TaskView& task, const EpisodeSizes& sizes, RandomStream stream) {
  Positions support, query;
  for (int64_t i = 0; i < task.size(); ++i) {
    Positions& positions = IsQuery(task.roles[i]) ? query : support;
    positions.push_back(i);
  }
  // Both draws may use the same random numbers, since roles make the sets disjoint.
  return {.support = DrawFrom(support, sizes.support, stream),
          .query = DrawFrom(query, sizes.query, stream)};
}

}  // namespace

EpisodeSampler::EpisodeSampler(const TaskOptions& options) : options_(options) {
  HEARTH_CHECK(options.support_min >= 1 && options.support >= options.support_min, "support {}..{}",
               options.support_min, options.support);
  HEARTH_CHECK(options.query >= 1, "query {}", options.query);
}

EpisodeSampler EpisodeSampler::ForEvaluation(const TaskOptions& options, int64_t support) {
  HEARTH_CHECK(support >= 1, "support {}", support);
  EpisodeSampler sampler(options);
  sampler.options_.support = support;
  sampler.options_.support_draw = SupportDraw::kMax;
  sampler.query_from_ = std::max(support, options.support);
  return sampler;
}

EpisodeSampler::Available EpisodeSampler::AvailableIn(const TaskView& task) const {
  if (options_.order != EpisodeOrder::kGiven) return {task.size(), task.size(), false};
  const int64_t query = std::ranges::count_if(task.roles, IsQuery);
  return {std::ssize(task.roles) - query, query, true};
}

bool EpisodeSampler::IsEligible(const TaskView& task) const {
  if (task.size() < options_.min_events) return false;
  const Available available = AvailableIn(task);
  if (available.disjoint) {
    return available.support >= options_.support_min && available.query >= 1;
  }
  return task.size() > options_.support_min;
}

int64_t EpisodeSampler::DrawSupportSize(RandomStream* stream) const {
  const int64_t low = options_.support_min, high = options_.support;
  switch (options_.support_draw) {
    case SupportDraw::kMax:
      return high;
    case SupportDraw::kUniform:
      return low + stream->NextBelow(high - low + 1);
    case SupportDraw::kLogUniform: {
      // Real numbers of [low, high + 1) are rounded down, so that every size has its share.
      const auto least = static_cast<double>(low);
      const double ratio = static_cast<double>(high + 1) / least;
      const double size = least * std::pow(ratio, stream->NextDouble());
      return std::clamp(static_cast<int64_t>(size), low, high);
    }
  }
  HEARTH_CHECK(false, "support draw {}", ToUnderlying(options_.support_draw));
}

EpisodeSizes EpisodeSampler::SizesOf(const Available& available, RandomStream* stream) const {
  const int64_t drawn = DrawSupportSize(stream);
  if (available.disjoint) {
    return {std::min(drawn, available.support), std::min(options_.query, available.query)};
  }
  const int64_t query = std::min(options_.query, available.query - options_.support_min);
  return {std::min(drawn, available.support - query), query};
}

EpisodeSizes EpisodeSampler::Sizes(const TaskView& task, RandomStream stream) const {
  return SizesOf(AvailableIn(task), &stream);
}

Episode EpisodeSampler::DrawByTime(int64_t count, const EpisodeSizes& sizes,
                                   RandomStream stream) const {
  Episode episode;
  for (int64_t i = 0; i < sizes.support; ++i) episode.support.push_back(i);
  const int64_t first = std::max(sizes.support, std::min(query_from_, count - sizes.query));
  episode.query = Ascending(SampleWithoutReplacement(count - first, sizes.query, stream));
  for (int64_t& position : episode.query) position += first;
  return episode;
}

Episode EpisodeSampler::Draw(const TaskView& task, RandomStream stream) const {
  const EpisodeSizes sizes = SizesOf(AvailableIn(task), &stream);
  switch (options_.order) {
    case EpisodeOrder::kTime:
      return DrawByTime(task.size(), sizes, stream);
    case EpisodeOrder::kRandom:
      return DrawAtRandom(task.size(), sizes, stream);
    case EpisodeOrder::kGiven:
      return DrawByRole(task, sizes, stream);
  }
  HEARTH_CHECK(false, "episode order {}", ToUnderlying(options_.order));
}

}  // namespace hearth
