#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cluster/communicator.h"
#include "sampler/task_options.h"
#include "storage/shard/dataset.h"
#include "trainer/baseline/baseline.h"
#include "trainer/embedding/embedding_table.h"
#include "trainer/evaluate/metrics.h"
#include "trainer/method/meta_learner.h"
#include "trainer/options.h"

namespace hearth {

/// One validation during training: the mean of the chosen metric and the losses around adaptation.
struct ValidationResult {
  int64_t step = 0;
  std::string metric;        ///< EvalOptions::metric
  double value = 0.0;        ///< its mean over tasks, after adaptation, over all scenarios
  double adapted_loss = 0.0, unadapted_loss = 0.0;
  int64_t task_count = 0;    ///< tasks over all ranks; 0: the data set has no validation part
  std::map<std::string, double> by_scenario;  ///< the metric of each scenario that has tasks
  double seconds = 0.0;

  /// (loss without adaptation - loss with) / loss without.
  double loss_reduction() const {
    return unadapted_loss > 0.0 ? (unadapted_loss - adapted_loss) / unadapted_loss : 0.0;
  }
};

/// The full evaluation of one scenario: rows "adapted", "unadapted" and one per baseline, all on
/// the same episodes and the same predictions for every metric.
struct ScenarioResult {
  Scenario scenario;
  int64_t task_count = 0;
  MetricTable table;
  /// adapted against another row, per task on the same episodes: mean of (other - adapted) for
  /// errors; positive means that adaptation is better. [row][metric]
  std::map<std::string, std::map<std::string, Interval>> paired;
  double loss_reduction = 0.0;
  /// The k-shot curve: mean metric values with support sets of k rows. [k][metric]
  std::map<int64_t, std::map<std::string, Interval>> shots;
};

/// Evaluates a base model on the fixed episodes of a part: a pure function of (seed, part, task,
/// draw), whatever the number of ranks.
class Evaluator {
 public:
  /// All references must outlive the evaluator.
  Evaluator(const MetaLearner& learner, const Dataset& dataset, const TaskOptions& tasks,
            const EvalOptions& options, uint64_t seed, Communicator& communicator);

  /// Collective. The validation parts, at most EvalOptions::max_tasks tasks of each scenario.
  ValidationResult Validate(const MetaParameters& parameters) const;

  /// Collective. All tasks of one part, EvalOptions::draws episodes each. `baselines`: fitted, may
  /// be empty. The result is complete on rank 0, and empty on the others.
  ScenarioResult EvaluateScenario(const MetaParameters& parameters, Part part,
                                  const std::vector<std::unique_ptr<Baseline>>& baselines,
                                  bool with_shots) const;

 private:
  const MetaLearner& learner_;
  const Dataset& dataset_;
  TaskOptions tasks_;
  EvalOptions options_;
  uint64_t seed_;
  Communicator& communicator_;
};

}  // namespace hearth
