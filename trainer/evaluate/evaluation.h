#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "cluster/communicator.h"
#include "sampler/evaluation_episodes.h"
#include "sampler/task_options.h"
#include "storage/shard/dataset.h"
#include "trainer/adapt/learner.h"
#include "trainer/evaluate/baseline.h"
#include "trainer/evaluate/bootstrap.h"
#include "trainer/evaluate/eval_options.h"
#include "trainer/evaluate/metrics.h"
#include "trainer/table/meta_parameters.h"

namespace hearth {

/// One validation during training: the mean of the chosen metric and the losses around adaptation.
struct ValidationResult {
  int64_t step = 0;
  std::string metric;  ///< EvalOptions::metric
  double value = 0.0;  ///< its mean over tasks, after adaptation, over all scenarios
  double adapted_loss = 0.0, unadapted_loss = 0.0;
  int64_t task_count = 0;  ///< tasks over all ranks; 0: the data set has no validation part
  std::map<std::string, double> by_scenario;  ///< the metric of each scenario that has tasks
  double seconds = 0.0;

  /// (loss without adaptation - loss with) / loss without.
  double loss_reduction() const {
    return unadapted_loss > 0.0 ? (unadapted_loss - adapted_loss) / unadapted_loss : 0.0;
  }
};

/// Values by metric name ("rmse", "ndcg@10").
using MetricValues = std::map<std::string, MeanInterval>;

/// The full evaluation of one scenario: rows "adapted", "unadapted" and one per baseline, all on
/// the same episodes.
struct ScenarioResult {
  Scenario scenario = Scenario::kNonCold;
  int64_t part_task_count = 0;                 ///< tasks of the part
  int64_t task_count = 0;                      ///< those with enough events, which are evaluated
  std::vector<std::string> rows;               ///< in the order of reports
  std::map<std::string, MetricValues> values;  ///< [row]
  /// adapted against another row on the same episodes: mean over tasks of the improvement, positive
  /// when adapted is better (lower errors, higher ranking metrics). [row]
  std::map<std::string, MetricValues> improvement;
  double loss_reduction = 0.0;            ///< (loss unadapted - loss adapted) / loss unadapted
  std::map<int64_t, MetricValues> shots;  ///< adapted with support sets of k rows. [k]
};

/// Evaluates a base model on the fixed episodes of a part: a pure function of (seed, part, task,
/// draw), whatever the number of ranks.
class Evaluator {
 public:
  /// All references must outlive the evaluator.
  /// `data`: the binding of `dataset`.
  Evaluator(const Learner& learner, const DataBinding& data, const Dataset& dataset,
            const TaskOptions& tasks, const EvalOptions& options, uint64_t seed,
            Communicator& communicator);

  /// Collective. The validation parts, at most EvalOptions::max_tasks tasks of each scenario.
  ValidationResult Validate(const MetaParameters& parameters);

  /// Collective. All tasks of one part, EvalOptions::draws episodes each; the shots of
  /// EvalOptions::shots beside. `baselines`: fitted, may be empty. Every rank gets the result.
  ScenarioResult EvaluatePart(const MetaParameters& parameters, Part part,
                              const std::vector<std::unique_ptr<Baseline>>& baselines) const;

 private:
  struct TaskValues {
    int64_t chunk = 0, position = 0;  // of the task, the same for any number of ranks
    int64_t task_id = 0;
    std::vector<double> values;  // [metric]
  };
  // [row], this rank's tasks
  using LocalValues = std::map<std::string, std::vector<TaskValues>>;

  EvaluationEpisodes EpisodesOf(Part part, int64_t support, int64_t max_tasks) const;
  void EvaluateLearner(const MetaParameters& parameters, const FetchedRows& fetched,
                       const Chunk& chunk, bool adapt, std::span<const Metric> metrics,
                       std::vector<TaskValues>& out) const;
  void EvaluateBaseline(const Baseline& baseline, const Chunk& chunk,
                        std::span<const Metric> metrics, std::vector<TaskValues>& out) const;
  std::vector<TaskValues> Gather(std::vector<TaskValues> local, size_t metric_count) const;
  MetricValues EvaluateShot(const MetaParameters& parameters, Part part, int64_t support) const;
  // Visits this rank's chunks; with the rows of sharded tables that they need. Collective.
  void VisitChunks(const MetaParameters& parameters, const EvaluationEpisodes& episodes,
                   const std::function<void(const Chunk&, const FetchedRows&)>& visit) const;

  const Learner& learner_;
  const DataBinding& data_;
  const Dataset& dataset_;
  TaskOptions tasks_;
  EvalOptions options_;
  MetricOptions metric_options_;
  uint64_t seed_;
  Communicator& communicator_;
  // The episodes of the validation parts, made by the first Validate.
  std::map<Scenario, EvaluationEpisodes> validation_;
};

}  // namespace hearth
