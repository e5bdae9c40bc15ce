#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace hearth {

/// Evaluation during training and by `hearth eval`. Config section `eval`.
struct EvalOptions {
  static constexpr double kAuto = std::numeric_limits<double>::quiet_NaN();

  int64_t every_steps = 200;  ///< outer steps between evaluations; 0 = only at the end
  /// The metric that picks the best checkpoint: a metric name, or auto (ChosenMetric).
  std::string metric = "auto";
  /// The validation tasks of these scenarios choose the best checkpoint; empty: all scenarios with
  /// tasks.
  std::vector<std::string> scenarios;
  /// Most support and query rows per task in evaluations; 0: the sizes of training (TaskOptions).
  int64_t support = 0, query = 0;
  int64_t top_k = 10;  ///< k of ndcg@k, p@k, r@k, hr@k
  /// Labels from here on are relevant in ranking metrics; kAuto: three quarters of the way from the
  /// smallest to the largest label (4 of 1..5; the ones of 0/1).
  double relevant_at = kAuto;
  /// Items that a log of positive events is ranked against, per task, beside the items of the query
  /// events (RankingCandidates); 0: all.
  int64_t candidates = 0;
  int64_t max_tasks = 512;  ///< tasks per scenario in evaluations during training; 0 = all
  int64_t draws = 1;        ///< support/query draws per task in `hearth eval`
  std::vector<int64_t> shots = {1, 3, 5, 10, 20};  ///< support sizes of the k-shot curve
  int64_t bootstrap = 1000;                        ///< resamples of the 95 % interval
};

}  // namespace hearth
