#include "trainer/evaluate/evaluation.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "common/clock.h"
#include "common/error.h"
#include "common/phase.h"
#include "trainer/evaluate/metric_table.h"
#include "trainer/table/sharded_tables.h"
#include "trainer/tensor/training_phases.h"

namespace hearth {
namespace {

constexpr const char* kAdapted = "adapted";
constexpr const char* kUnadapted = "unadapted";

// Number of chunks that share one fetch of rows of sharded tables.
constexpr int64_t kChunksPerFetch = 8;

double RelevantAt(const EvalOptions& options, const DatasetManifest& manifest) {
  if (!std::isnan(options.relevant_at)) return options.relevant_at;
  if (manifest.positive_only) return manifest.label_min;
  const double low = manifest.label_min, high = manifest.label_max;
  return low + 0.75 * (high - low);
}

// Refuses a metric that no task of the data can define.
void RequireDefined(const std::string& name, const EvalOptions& options,
                    const DatasetManifest& manifest) {
  const MetricKind kind = ParseMetric(name).kind;
  if (manifest.positive_only && kind != MetricKind::kLoss && !UsesOrderOnly(kind)) {
    throw ConfigError(
        "eval.metric={}: every event of '{}' is positive, so errors and thresholds say nothing; "
        "choose a ranking metric such as ndcg@10, or auto",
        name, manifest.name);
  }
  const bool uses_relevance = kind != MetricKind::kMae && kind != MetricKind::kRmse &&
                              kind != MetricKind::kNdcg && kind != MetricKind::kLoss;
  if (uses_relevance && options.relevant_at > manifest.label_max) {
    throw ConfigError(
        "eval.metric={}: no label of '{}' reaches eval.relevant_at={}, they are in [{}, {}]; lower "
        "eval.relevant_at or set it to auto",
        name, manifest.name, options.relevant_at, manifest.label_min, manifest.label_max);
  }
}

MetricOptions MetricOptionsFor(const EvalOptions& options, const DatasetManifest& manifest) {
  return {.relevant_at = RelevantAt(options, manifest),
          .prediction_min = manifest.label_min,
          .prediction_max = manifest.label_max};
}

TaskOptions TasksFor(TaskOptions tasks, const EvalOptions& options, MetaOptions::Loss loss) {
  tasks.negatives_are_rows = NegativesAreRows(loss);
  if (options.support > 0) tasks.support = options.support;
  if (options.query > 0) tasks.query = options.query;
  tasks.support_min = std::min(tasks.support_min, tasks.support);
  return tasks;
}

// The rows of one task in a column of TaskRows.
template <typename Value>
std::span<const Value> RowsOf(const TaskRows& rows, const std::vector<Value>& column,
                              int64_t task) {
  return std::span(column).subspan(rows.offsets[task], rows.offsets[task + 1] - rows.offsets[task]);
}

// The rows that a task is scored on: query events, or the candidates of a log of positive events.
EpisodeScores RowsToScore(const Chunk& chunk, int64_t task, const RankingCandidates* candidates) {
  const auto items = RowsOf(chunk.query, chunk.query.items, task);
  const auto labels = RowsOf(chunk.query, chunk.query.labels, task);
  EpisodeScores rows;
  if (candidates != nullptr) {
    RankedItems ranked = candidates->For(chunk.task_ids[task], items, labels);
    rows.items = std::move(ranked.items);
    rows.labels = std::move(ranked.labels);
    rows.query_count = ranked.query_count;
    rows.are_labels = false;
  } else {
    rows.items.assign(items.begin(), items.end());
    rows.labels.assign(labels.begin(), labels.end());
    rows.query_count = std::ssize(items);
  }
  return rows;
}

// Sets metrics of errors and thresholds to undefined, for scores that are not on the scale of the
// labels.
void KeepOrderMetrics(std::span<const Metric> metrics, std::vector<double>& values) {
  for (size_t m = 0; m < metrics.size(); ++m) {
    if (metrics[m].kind != MetricKind::kLoss && !UsesOrderOnly(metrics[m].kind)) {
      values[m] = kUndefined;
    }
  }
}

MetricValues ByName(std::span<const Metric> metrics, const std::vector<MeanInterval>& intervals) {
  MetricValues values;
  for (size_t m = 0; m < metrics.size(); ++m) {
    if (intervals[m].task_count > 0) values[NameOf(metrics[m])] = intervals[m];
  }
  return values;
}

std::vector<Scenario> ChosenScenarios(const EvalOptions& options) {
  if (options.scenarios.empty()) return {kAllScenarios.begin(), kAllScenarios.end()};
  std::vector<Scenario> scenarios;
  for (const std::string& name : options.scenarios) scenarios.push_back(ParseScenario(name));
  return scenarios;
}

// Returns the improvement of the adapted model over another row: positive if the model is better.
MetricValues ImprovementOver(const std::string& row, const MetricTable& table,
                             std::span<const Metric> metrics) {
  const std::vector<MeanInterval> lower = table.Difference(row, kAdapted);
  const std::vector<MeanInterval> higher = table.Difference(kAdapted, row);
  std::vector<MeanInterval> better;
  for (size_t m = 0; m < metrics.size(); ++m) {
    better.push_back(HigherIsBetter(metrics[m].kind) ? higher[m] : lower[m]);
  }
  return ByName(metrics, better);
}

double MeanOf(const MetricValues& values, const std::string& name) {
  const auto it = values.find(name);
  if (it == values.end()) return 0.0;
  return it->second.mean;
}

std::vector<int64_t> AllItems(const Dataset& dataset) {
  std::vector<int64_t> items(dataset.event_entities().size());
  std::iota(items.begin(), items.end(), int64_t{0});
  return items;
}

}  // namespace

std::string ChosenMetric(const EvalOptions& options, MetaOptions::Loss loss, bool positive_only) {
  if (options.metric != "auto") return options.metric;
  if (positive_only || loss == MetaOptions::Loss::kBpr) {
    return NameOf({.kind = MetricKind::kNdcg, .k = options.top_k});
  }
  return "rmse";
}

Evaluator::Evaluator(const Learner& learner, const DataBinding& data, const Dataset& dataset,
                     const TaskOptions& tasks, const EvalOptions& options, uint64_t seed,
                     Communicator& communicator)
    : learner_(learner),
      data_(data),
      dataset_(dataset),
      tasks_(TasksFor(tasks, options, learner.loss())),
      options_(options),
      metric_(ChosenMetric(options, learner.loss(), dataset.manifest().positive_only)),
      metric_options_(MetricOptionsFor(options, dataset.manifest())),
      seed_(seed),
      communicator_(communicator) {
  RequireDefined(metric_, options_, dataset.manifest());
}

EvaluationEpisodes Evaluator::EpisodesOf(Part part,
                                         const EvaluationEpisodesOptions& options) const {
  return EvaluationEpisodes(dataset_, part, tasks_, options,
                            {communicator_.rank(), communicator_.world_size()});
}

std::unique_ptr<RankingCandidates> Evaluator::CandidatesOf(Part part) const {
  if (!dataset_.manifest().positive_only) return nullptr;
  return std::make_unique<RankingCandidates>(dataset_, part, options_.candidates, seed_);
}

void Evaluator::VisitChunks(
    const MetaParameters& parameters, const EvaluationEpisodes& episodes,
    const std::function<void(const Chunk&, const FetchedRows&)>& visit) const {
  const bool any_sharded = AnySharded(parameters);
  // A rank with fewer chunks than others still serves their fetches.
  std::array<int64_t, 1> rounds = {(episodes.chunk_count() + kChunksPerFetch - 1) /
                                   kChunksPerFetch};
  if (any_sharded) communicator_.AllReduce(std::span<int64_t>(rounds), ReduceOp::kMax);
  for (int64_t round = 0; round < rounds[0]; ++round) {
    EnterPhase(kEvaluatePhase);
    const int64_t begin = round * kChunksPerFetch;
    const int64_t end = std::min(begin + kChunksPerFetch, episodes.chunk_count());
    std::vector<Chunk> chunks;
    for (int64_t c = begin; c < end; ++c) chunks.push_back(episodes.Build(c));
    FetchedRows fetched;
    if (any_sharded && dataset_.manifest().positive_only) {
      std::vector<int64_t> owners;
      for (const Chunk& chunk : chunks) {
        owners.insert(owners.end(), chunk.task_ids.begin(), chunk.task_ids.end());
      }
      fetched = FetchTableRows(communicator_,
                               data_.builder().TableRowsOf(owners, AllItems(dataset_)), parameters);
    } else if (any_sharded) {
      fetched = FetchTableRows(communicator_, data_.builder().TableRowsOf(chunks), parameters);
    }
    for (const Chunk& chunk : chunks) visit(chunk, fetched);
  }
}

std::vector<EpisodeScores> Evaluator::ScoresOfLearner(const MetaParameters& parameters,
                                                      const FetchedRows& fetched,
                                                      const Chunk& chunk,
                                                      const RankingCandidates* candidates,
                                                      bool adapt) const {
  const ChunkPredictions predictions =
      learner_.Predict(parameters, data_.builder(), chunk, adapt, fetched);
  std::vector<EpisodeScores> result;
  for (int64_t t = 0; t < chunk.task_count(); ++t) {
    EpisodeScores scores = RowsToScore(chunk, t, candidates);
    scores.loss = predictions.query_loss[t];
    if (candidates != nullptr) {
      TaskState state;
      if (adapt) {
        state = learner_.Adapt(parameters, data_.builder(), TaskOfChunk(chunk, t), fetched);
      }
      scores.scores = learner_.ScoreItems(parameters, data_.builder(), state, chunk.task_ids[t],
                                          scores.items, fetched);
    } else {
      const auto predicted = RowsOf(chunk.query, predictions.query, t);
      scores.scores.assign(predicted.begin(), predicted.end());
      scores.are_labels = learner_.loss() != MetaOptions::Loss::kBpr;
    }
    result.push_back(std::move(scores));
  }
  return result;
}

std::vector<EpisodeScores> Evaluator::ScoresOfBaseline(const Baseline& baseline, const Chunk& chunk,
                                                       const RankingCandidates* candidates) const {
  std::vector<EpisodeScores> result;
  for (int64_t t = 0; t < chunk.task_count(); ++t) {
    const Support support{RowsOf(chunk.support, chunk.support.items, t),
                          RowsOf(chunk.support, chunk.support.labels, t)};
    EpisodeScores scores = RowsToScore(chunk, t, candidates);
    scores.scores = baseline.Predict(support, scores.items);
    scores.are_labels = scores.are_labels && baseline.predicts_labels();
    result.push_back(std::move(scores));
  }
  return result;
}

void Evaluator::AddMetrics(const Chunk& chunk, const std::vector<EpisodeScores>& scores,
                           std::span<const Metric> metrics, std::vector<TaskValues>& out) const {
  for (int64_t t = 0; t < chunk.task_count(); ++t) {
    const EpisodeScores& task = scores[t];
    std::vector<double> values =
        EvaluateTask(metrics, task.scores, task.labels, metric_options_, task.loss);
    if (!task.are_labels) KeepOrderMetrics(metrics, values);
    out.push_back({chunk.number, t, chunk.task_ids[t], std::move(values)});
  }
}

// Brings the values of all ranks to every rank. Their order does not depend on the number of ranks.
std::vector<Evaluator::TaskValues> Evaluator::Gather(std::vector<TaskValues> local,
                                                     size_t metric_count) const {
  std::vector<int64_t> keys;
  std::vector<double> values;
  for (const TaskValues& task : local) {
    keys.insert(keys.end(), {task.chunk, task.position, task.task_id});
    values.insert(values.end(), task.values.begin(), task.values.end());
  }
  keys = communicator_.AllGather(std::span<const int64_t>(keys));
  values = communicator_.AllGather(std::span<const double>(values));
  std::vector<TaskValues> all;
  for (size_t i = 0; 3 * i < keys.size(); ++i) {
    const double* begin = values.data() + i * metric_count;
    all.push_back({keys[3 * i], keys[3 * i + 1], keys[3 * i + 2], {begin, begin + metric_count}});
  }
  std::sort(all.begin(), all.end(), [](const TaskValues& a, const TaskValues& b) {
    return std::pair(a.chunk, a.position) < std::pair(b.chunk, b.position);
  });
  return all;
}

ValidationResult Evaluator::Validate(const MetaParameters& parameters) {
  const double begin = SteadyNowSec();
  const std::vector<Metric> metrics = {ParseMetric(metric_), {.kind = MetricKind::kLoss}};
  ValidationResult result;
  result.metric = metric_;
  double metric_sum = 0.0, metric_count = 0.0;
  if (validation_.empty()) {
    for (const Scenario scenario : ChosenScenarios(options_)) {
      const Part part{Split::kValidation, scenario};
      validation_.emplace(
          scenario,
          ValidationPart{EpisodesOf(part, {.max_tasks = options_.max_tasks, .seed = seed_}),
                         CandidatesOf(part)});
    }
  }
  const std::vector<Metric> loss = {{.kind = MetricKind::kLoss}};
  for (const auto& [scenario, part] : validation_) {
    std::vector<TaskValues> adapted, unadapted;
    VisitChunks(parameters, part.episodes, [&](const Chunk& chunk, const FetchedRows& fetched) {
      AddMetrics(chunk, ScoresOfLearner(parameters, fetched, chunk, part.candidates.get(), true),
                 metrics, adapted);
      AddMetrics(chunk, ScoresOfLearner(parameters, fetched, chunk, nullptr, false), loss,
                 unadapted);
    });
    double scenario_sum = 0.0, scenario_count = 0.0;
    for (const TaskValues& task : Gather(std::move(adapted), metrics.size())) {
      result.adapted_loss += task.values[1];
      ++result.task_count;
      if (std::isnan(task.values[0])) continue;
      scenario_sum += task.values[0];
      scenario_count += 1.0;
    }
    for (const TaskValues& task : Gather(std::move(unadapted), loss.size())) {
      result.unadapted_loss += task.values[0];
    }
    if (scenario_count == 0.0) continue;
    result.by_scenario[std::string(NameOf(scenario))] = scenario_sum / scenario_count;
    metric_sum += scenario_sum;
    metric_count += scenario_count;
  }
  if (result.task_count > 0) {
    result.adapted_loss /= static_cast<double>(result.task_count);
    result.unadapted_loss /= static_cast<double>(result.task_count);
  }
  if (metric_count > 0.0) result.value = metric_sum / metric_count;
  result.seconds = SteadyNowSec() - begin;
  return result;
}

ScenarioResult Evaluator::EvaluatePart(const MetaParameters& parameters, Part part,
                                       const std::vector<std::unique_ptr<Baseline>>& baselines,
                                       PredictionLog* log) const {
  const std::vector<Metric> metrics = AllMetrics(options_.top_k);
  const EvaluationEpisodes episodes = EpisodesOf(part, {.draws = options_.draws, .seed = seed_});
  const std::unique_ptr<RankingCandidates> part_candidates = CandidatesOf(part);
  const RankingCandidates* candidates = part_candidates.get();
  ScenarioResult result;
  result.scenario = part.scenario;
  result.part_task_count = episodes.part_task_count();
  result.task_count = episodes.task_count();
  result.rows = {kAdapted, kUnadapted};
  for (const auto& baseline : baselines) result.rows.emplace_back(baseline->name());

  LocalValues local;
  VisitChunks(parameters, episodes, [&](const Chunk& chunk, const FetchedRows& fetched) {
    const auto note = [&](const std::string& row, const std::vector<EpisodeScores>& scores) {
      AddMetrics(chunk, scores, metrics, local[row]);
      if (log != nullptr) log->Add(row, chunk, episodes.DrawOf(chunk), scores);
    };
    if (log != nullptr) log->AddSupport(chunk);
    note(kAdapted, ScoresOfLearner(parameters, fetched, chunk, candidates, true));
    note(kUnadapted, ScoresOfLearner(parameters, fetched, chunk, candidates, false));
    for (const auto& baseline : baselines) {
      note(std::string(baseline->name()), ScoresOfBaseline(*baseline, chunk, candidates));
    }
  });
  MetricTable table(metrics, options_.bootstrap, seed_);
  for (const std::string& row : result.rows) {
    for (const TaskValues& task : Gather(std::move(local[row]), metrics.size())) {
      table.Add(row, task.task_id, task.values);
    }
  }
  if (result.task_count == 0) return result;
  for (const auto& [row, intervals] : table.Summarize()) {
    result.values[row] = ByName(metrics, intervals);
    if (row != kAdapted) result.improvement[row] = ImprovementOver(row, table, metrics);
  }
  const double unadapted_loss = MeanOf(result.values[kUnadapted], "loss");
  if (unadapted_loss > 0.0) {
    result.loss_reduction =
        (unadapted_loss - MeanOf(result.values[kAdapted], "loss")) / unadapted_loss;
  }
  for (const int64_t k : options_.shots) {
    if (k <= tasks_.support) result.shots[k] = EvaluateShot(parameters, part, k, candidates, log);
  }
  if (log != nullptr) log->Gather(communicator_);
  return result;
}

MetricValues Evaluator::EvaluateShot(const MetaParameters& parameters, Part part, int64_t support,
                                     const RankingCandidates* candidates,
                                     PredictionLog* log) const {
  const std::vector<Metric> metrics = AllMetrics(options_.top_k);
  const EvaluationEpisodes episodes =
      EpisodesOf(part, {.support = support, .draws = options_.draws, .seed = seed_});
  std::vector<TaskValues> local;
  VisitChunks(parameters, episodes, [&](const Chunk& chunk, const FetchedRows& fetched) {
    const std::vector<EpisodeScores> scores =
        ScoresOfLearner(parameters, fetched, chunk, candidates, true);
    AddMetrics(chunk, scores, metrics, local);
    if (log == nullptr) return;
    log->Add(fmt::format("adapted_shot_{}", support), chunk, episodes.DrawOf(chunk), scores);
  });
  MetricTable table(metrics, options_.bootstrap, seed_);
  for (const TaskValues& task : Gather(std::move(local), metrics.size())) {
    table.Add(kAdapted, task.task_id, task.values);
  }
  return ByName(metrics, table.Summarize()[kAdapted]);
}

}  // namespace hearth
