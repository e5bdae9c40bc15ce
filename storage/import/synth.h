#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "storage/import/convert_report.h"
#include "storage/import/split.h"
#include "storage/shard/dataset.h"

namespace hearth {

/// A simulated interaction log whose truth is known. The label of user u for item i is
///   score = mean_label + label_sd * (sqrt(bias_share) b_u + sqrt(quality_share) q_i
///           + sqrt(taste_share) taste(u, i) + sqrt(noise share) e),   e ~ N(0, 1) per event,
/// rounded and clipped to 1..5 unless real_labels. taste is a saturating function of the dot
/// product of latent vectors, whose dimensions matter less and less, so that a handful of labels
/// tells much of a user and a bilinear model comes close to the truth without being it.
/// User vectors depend partly on age, gender and occupation, item vectors on genres, quality on
/// year; the rest is private. Items are drawn by a Zipf-tailed popularity, better ones more often.
///
/// The defaults are fixed: figures in the documentation and acceptance tests rest on them.
struct SynthOptions {
  std::string output;  ///< folder, as ConvertOptions::output
  bool overwrite = false;
  int64_t users = 3000;           ///< [10, 100'000'000]
  int64_t items = 1000;           ///< [20, 10'000'000]
  double events_per_user = 60.0;  ///< mean of the log-normal history length, [2, items / 4]
  uint64_t seed = 1;
  int64_t latent_size = 8;      ///< dimensions of tastes, [1, 256]
  double bias_share = 0.10;     ///< shares of the label variance before rounding; they sum to
  double quality_share = 0.15;  ///< at most 1, the rest is noise
  double taste_share = 0.50;
  double user_feature_share = 0.35;  ///< of a user's taste vector: what side features explain
  double item_feature_share = 0.50;  ///< of an item's vector and quality
  double zipf_exponent = 0.8;        ///< popularity of rank r is 1 / (r + 10)^exponent
  bool real_labels = false;          ///< labels are the score itself, neither rounded nor clipped
  int64_t tasks_per_shard = 8192;
  SplitOptions split;  ///< kAuto is kRandom
};

/// Simulates the log and writes it as a data set. Facts in its manifest, for every part P:
///   "truth_rmse/P", "truth_mae/P": error of predicting E[label | u, i] for all events of the part,
///   per task, then averaged over the part's tasks.
/// Throws UsageError (options) and what ConvertLog throws for its output.
ConvertReport Synthesize(const SynthOptions& options);

/// The simulator's truth, a pure function of its options.
class SynthTruth {
 public:
  explicit SynthTruth(const SynthOptions& options);
  ~SynthTruth();
  SynthTruth(SynthTruth&&) noexcept;

  /// E[label | user, item], exact. `user_id`, `item_id`: the original ids of the data set.
  double ExpectedLabel(const std::string& user_id, const std::string& item_id) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The options a data set was simulated with, so that its truth can be had again (SynthTruth) for
/// exactly the events an evaluation uses; nullopt when the data set is no simulation.
std::optional<SynthOptions> SynthOptionsOf(const DatasetManifest& manifest);

}  // namespace hearth
