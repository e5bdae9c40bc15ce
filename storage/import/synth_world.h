#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "storage/import/synth.h"

namespace hearth {

struct SynthUser {
  size_t age = 0, gender = 0, occupation = 0;  ///< positions in the lists of SynthWorld
  double bias = 0;                             ///< b_u, standard normal
  std::vector<double> taste;                   ///< [latent_size], about unit variance
};

struct SynthItem {
  int64_t year = 0;
  int64_t release_time = 0;    ///< no event of the item is earlier; 0: available from the start
  std::vector<size_t> genres;  ///< 1..3 positions in SynthWorld::kGenres, ascending
  double quality = 0;          ///< q_i, about unit variance
  std::vector<double> taste;   ///< [latent_size]
};

struct SynthEvent {
  int64_t item = 0;
  int64_t time = 0;
  float label = 0;
};

/// The simulation of synth.h: users, items, events and the truth. All are pure functions of the
/// options. Items are kept in memory; users are computed again at each call.
class SynthWorld {
 public:
  static constexpr std::array<std::string_view, 7> kAges = {"1",  "18", "25", "35",
                                                            "45", "50", "56"};
  static constexpr std::array<std::string_view, 2> kGenders = {"F", "M"};
  static constexpr std::array<std::string_view, 10> kOccupations = {
      "artist", "clerical", "doctor",  "educator", "engineer",
      "farmer", "lawyer",   "retired", "sales",    "student"};
  static constexpr std::array<std::string_view, 12> kGenres = {
      "Action", "Adventure", "Animation", "Comedy",  "Crime",  "Documentary",
      "Drama",  "Fantasy",   "Horror",    "Musical", "Sci-Fi", "Western"};

  explicit SynthWorld(const SynthOptions& options);

  SynthUser User(int64_t number) const;
  const SynthItem& Item(int64_t number) const { return items_[number]; }
  /// All events of a user, in time order. An item occurs at most once.
  std::vector<SynthEvent> History(int64_t user) const;
  /// The score without its noise.
  double MeanScore(const SynthUser& user, int64_t item) const;
  /// E[label | user, item] over the noise, rounding and clipping included.
  double ExpectedLabel(const SynthUser& user, int64_t item) const;

 private:
  using Vectors = std::vector<std::vector<double>>;

  SynthItem MakeItem(int64_t number) const;
  void RankByPopularity();
  void StandardiseTaste();
  double RawTaste(const SynthUser& user, const SynthItem& item) const;
  int64_t DrawHistoryLength(uint64_t user) const;

  SynthOptions options_;
  double noise_sd_ = 0;  // standard deviation of the noise, in label units
  Vectors age_tastes_, gender_tastes_, occupation_tastes_, genre_tastes_;
  std::vector<double> genre_qualities_;
  std::vector<SynthItem> items_;
  std::vector<double> cumulative_popularity_;  // [item]
  double taste_mean_ = 0, taste_sd_ = 1;       // moments of RawTaste over random pairs
};

}  // namespace hearth
