#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "storage/import/convert_report.h"
#include "storage/import/split.h"
#include "storage/shard/dataset.h"

namespace hearth {

/// Options of a simulated interaction log with a known truth. User u and item i have the score
///   score = mean_label + label_sd * (sqrt(bias_share) b_u + sqrt(quality_share) q_i
///           + sqrt(taste_share) taste(u, i) + sqrt(noise share) e),   e ~ N(0, 1) per event.
/// The label is the score, rounded and clipped to 1..5 unless real_labels. taste is a saturating
/// function of the dot product of two latent vectors; each dimension weighs less than the one
/// before. A few labels therefore tell much about a user, and a bilinear model comes close to the
/// truth but does not reach it. User vectors depend partly on age, gender and occupation, item
/// vectors on genres, quality on genres and year; the rest depends on the user or item alone. Items
/// are drawn by a popularity with a Zipf tail; better items are more popular.
///
/// Never change the defaults: figures in the documentation and acceptance tests rest on them.
struct SynthOptions {
  std::string output;  ///< folder, see ConvertOptions::output
  bool overwrite = false;
  int64_t users = 3000;           ///< [10, 100'000'000]
  int64_t items = 1000;           ///< [20, 10'000'000]
  double events_per_user = 60.0;  ///< mean of the log-normal history length, [2, items / 4]
  uint64_t seed = 1;
  int64_t latent_size = 8;  ///< dimensions of taste vectors, [1, 256]
  /// Shares of the label variance before rounding. Their sum is at most 1; the rest is noise.
  double bias_share = 0.10, quality_share = 0.15, taste_share = 0.50;
  /// Share of the variance of a user's taste vector that age, gender and occupation explain.
  double user_feature_share = 0.35;
  /// Share of the variance of an item's taste vector and quality that genres and year explain.
  double item_feature_share = 0.50;
  double zipf_exponent = 0.8;  ///< popularity of rank r is 1 / (r + 10)^exponent
  bool real_labels = false;    ///< true: labels are scores, neither rounded nor clipped
  int64_t tasks_per_shard = 8192;
  SplitOptions split;  ///< kAuto means kRandom
};

/// Simulates the log and writes it as a data set. The manifest gets two facts for every part P,
/// "truth_rmse/P" and "truth_mae/P": the error of the prediction E[label | u, i] for all events of
/// a task, averaged over the tasks of the part.
/// Throws UsageError (options) and the output errors of ConvertLog.
ConvertReport Synthesize(const SynthOptions& options);

/// The simulator's truth, a pure function of its options.
class SynthTruth {
 public:
  explicit SynthTruth(const SynthOptions& options);
  ~SynthTruth();
  SynthTruth(SynthTruth&&) noexcept;

  /// E[label | user, item], exact. `user_id` and `item_id` are original ids of the data set.
  double ExpectedLabel(const std::string& user_id, const std::string& item_id) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The options that simulated a data set, nullopt if the data set is no simulation. SynthTruth can
/// then give the truth for exactly the events that an evaluation uses.
std::optional<SynthOptions> SynthOptionsOf(const DatasetManifest& manifest);

}  // namespace hearth
