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
#include "sampler/ranked_items.h"
#include "sampler/task_options.h"
#include "storage/shard/dataset.h"
#include "trainer/adapt/learner.h"
#include "trainer/evaluate/baseline.h"
#include "trainer/evaluate/bootstrap.h"
#include "trainer/evaluate/eval_options.h"
#include "trainer/evaluate/metrics.h"
#include "trainer/evaluate/prediction_log.h"
#include "trainer/table/meta_parameters.h"

namespace hearth {

/// The metric that EvalOptions::metric names. auto: ndcg@K with EvalOptions::top_k for a log of
/// positive events and for meta.loss=bpr, else rmse.
std::string ChosenMetric(const EvalOptions& options, MetaOptions::Loss loss, bool positive_only);

/// One validation during training: the mean of the chosen metric, and the losses before and after
/// adaptation.
struct ValidationResult {
  int64_t step = 0;
  std::string metric;  ///< ChosenMetric
  /// Mean of the metric over the tasks of all scenarios, adapted; kUndefined if no task defines it.
  double value = kUndefined;
  double adapted_loss = 0.0, unadapted_loss = 0.0;
  int64_t task_count = 0;  ///< tasks over all ranks; 0: the data set has no validation part
  std::map<std::string, double> by_scenario;  ///< the metric of each scenario that has tasks
  double seconds = 0.0;

  /// (loss unadapted - loss adapted) / loss unadapted.
  double loss_reduction() const {
    if (!(unadapted_loss > 0.0)) return 0.0;
    return (unadapted_loss - adapted_loss) / unadapted_loss;
  }
};

/// Values by metric name ("rmse", "ndcg@10").
using MetricValues = std::map<std::string, MeanInterval>;

/// The full evaluation of one scenario: rows "adapted", "unadapted" and one per baseline, all on
/// the same episodes.
struct ScenarioResult {
  Scenario scenario = Scenario::kNonCold;
  int64_t part_task_count = 0;                 ///< tasks of the part
  int64_t task_count = 0;                      ///< evaluated tasks: the ones with enough events
  std::vector<std::string> rows;               ///< in the order of reports
  std::map<std::string, MetricValues> values;  ///< [row] means over tasks
  /// [row] the improvement of "adapted" over another row on the same episodes: the mean over tasks,
  /// positive if "adapted" is better (lower errors, higher ranking metrics).
  std::map<std::string, MetricValues> improvement;
  double loss_reduction = 0.0;            ///< (loss unadapted - loss adapted) / loss unadapted
  std::map<int64_t, MetricValues> shots;  ///< [k] "adapted" with support sets of k rows
};

/// Evaluates a base model on the fixed episodes of a part. An episode is a pure function of (seed,
/// part, task, draw), for any number of ranks.
class Evaluator {
 public:
  /// All references must outlive the evaluator. `data`: the binding of `dataset`. `tasks`: of
  /// training; EvalOptions may give other sizes. Throws ConfigError when the data cannot define
  /// EvalOptions::metric.
  Evaluator(const Learner& learner, const DataBinding& data, const Dataset& dataset,
            const TaskOptions& tasks, const EvalOptions& options, uint64_t seed,
            Communicator& communicator);

  /// Collective. Evaluates the validation parts, at most EvalOptions::max_tasks tasks of each
  /// scenario.
  ValidationResult Validate(const MetaParameters& parameters);

  /// Collective. Evaluates all tasks of one part, EvalOptions::draws episodes each, and the support
  /// sizes of EvalOptions::shots. `baselines`: fitted, may be empty. Every rank gets the result.
  /// `log`, if not null, receives every score: methods named as in reports, "adapted_shot_K" too.
  ScenarioResult EvaluatePart(const MetaParameters& parameters, Part part,
                              const std::vector<std::unique_ptr<Baseline>>& baselines,
                              PredictionLog* log = nullptr) const;

 private:
  struct TaskValues {
    int64_t chunk = 0, position = 0;  // place of the task, equal for any number of ranks
    int64_t task_id = 0;
    std::vector<double> values;  // [metric]
  };
  // [row] values of this rank's tasks
  using LocalValues = std::map<std::string, std::vector<TaskValues>>;

  struct ValidationPart {
    EvaluationEpisodes episodes;
    std::unique_ptr<RankingCandidates> candidates;  // CandidatesOf
  };

  EvaluationEpisodes EpisodesOf(Part part, const EvaluationEpisodesOptions& options) const;
  // Null if labels tell what is relevant.
  std::unique_ptr<RankingCandidates> CandidatesOf(Part part) const;
  // [task of the chunk]
  std::vector<EpisodeScores> ScoresOfLearner(const MetaParameters& parameters,
                                             const FetchedRows& fetched, const Chunk& chunk,
                                             const RankingCandidates* candidates, bool adapt) const;
  std::vector<EpisodeScores> ScoresOfBaseline(const Baseline& baseline, const Chunk& chunk,
                                              const RankingCandidates* candidates) const;
  // Appends the metrics of the tasks of a chunk.
  void AddMetrics(const Chunk& chunk, const std::vector<EpisodeScores>& scores,
                  std::span<const Metric> metrics, std::vector<TaskValues>& out) const;
  std::vector<TaskValues> Gather(std::vector<TaskValues> local, size_t metric_count) const;
  MetricValues EvaluateShot(const MetaParameters& parameters, Part part, int64_t support,
                            const RankingCandidates* candidates, PredictionLog* log) const;
  // Visits this rank's chunks, with the fetched rows of sharded tables. Collective.
  void VisitChunks(const MetaParameters& parameters, const EvaluationEpisodes& episodes,
                   const std::function<void(const Chunk&, const FetchedRows&)>& visit) const;

  const Learner& learner_;
  const DataBinding& data_;
  const Dataset& dataset_;
  TaskOptions tasks_;
  EvalOptions options_;
  std::string metric_;  // ChosenMetric
  MetricOptions metric_options_;
  uint64_t seed_;
  Communicator& communicator_;
  std::map<Scenario, ValidationPart> validation_;  // made by the first Validate
};

}  // namespace hearth
