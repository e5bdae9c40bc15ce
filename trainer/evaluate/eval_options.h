#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace hearth {

/// Evaluation during training and by `hearth eval`. Config section `eval`.
struct EvalOptions {
  int64_t every_steps = 200;    ///< outer steps between evaluations; 0 = only at the end
  std::string metric = "rmse";  ///< a metric name; this metric picks the best checkpoint
  /// The validation tasks of these scenarios choose the best checkpoint; empty: all scenarios with
  /// tasks.
  std::vector<std::string> scenarios;
  int64_t top_k = 10;        ///< k of ndcg@k, p@k, r@k, hr@k
  double relevant_at = 4.0;  ///< labels from here on are relevant in ranking metrics
  int64_t max_tasks = 512;   ///< tasks per scenario in evaluations during training; 0 = all
  int64_t draws = 1;         ///< support/query draws per task in `hearth eval`
  std::vector<int64_t> shots = {1, 3, 5, 10, 20};  ///< support sizes of the k-shot curve
  int64_t bootstrap = 1000;                        ///< resamples of the 95 % interval
};

}  // namespace hearth
