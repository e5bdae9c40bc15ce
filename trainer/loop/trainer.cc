#include "trainer/loop/trainer.h"

#include <array>
#include <chrono>
#include <cmath>

#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "common/error.h"
#include "common/hash.h"
#include "common/phase.h"
#include "storage/checkpoint/folder.h"
#include "trainer/evaluate/metrics.h"
#include "trainer/loop/als_start.h"
#include "trainer/loop/skip_budget.h"
#include "trainer/state/replica_check.h"

namespace hearth {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

std::string NewRunId() {
  const auto now = std::chrono::system_clock::now().time_since_epoch().count();
  const std::array<int64_t, 2> entropy = {now, Clock::now().time_since_epoch().count()};
  return HexOf(Xxh3(entropy.data(), sizeof(entropy)));
}

// A chunk's bits must not depend on the number of cores.
void UseOneThreadPerOperator() { at::set_num_threads(1); }

bool Due(int64_t step, int64_t every) { return every > 0 && step % every == 0; }

bool StepsAlone(const TrainerOptions& options, const Communicator& communicator) {
  return options.dist.local_steps > 1 && communicator.world_size() > 1;
}

// Ranks that step alone need whole tables.
TablePlacement PlacementOf(const DistOptions& options, RankPlace place) {
  if (options.local_steps > 1) return {};
  return {place.rank, place.world_size, options.replicate_bytes, options.wire};
}

// Collective. That ranks did the same so far, and hold the same.
void RequireEqualRanks(RunState& state, CountingCommunicator& communicator) {
  const std::vector<int> ranks = RanksWithOtherCalls(communicator);
  HEARTH_CHECK(ranks.empty(), "step {}: ranks {} made other collective calls than most",
               state.counters.step, fmt::join(ranks, ", "));
  RequireEqualReplicas(state, communicator);
}

}  // namespace

RunState InitialState(const TrainerOptions& options, const Learner& learner, RankPlace place) {
  return {.parameters = learner.InitialParameters(options.optim.table_type, options.seed,
                                                  options.tables, PlacementOf(options.dist, place)),
          .optimizer = DenseOptimizer(options.optim, learner.layout(), learner.tensor_options()),
          .counters = {}};
}

TaskOptions TrainingTasks(const TrainerOptions& options) {
  TaskOptions tasks = options.tasks;
  if (options.model.item_id) tasks.hidden_item_share = options.model.id_dropout;
  return tasks;
}

OuterLoop::Options OuterLoopOptions(const TrainerOptions& options) {
  return {.optimizer = options.optim,
          .reduce = options.dist.reduce,
          .max_steps = options.train.max_steps};
}

Trainer::Trainer(const TrainerOptions& options, const Dataset& dataset, Communicator& communicator,
                 TrainObserver& observer, const std::atomic<bool>& stop_requested,
                 at::TensorOptions tensor_options)
    : options_(options),
      dataset_(dataset),
      communicator_(communicator),
      observer_(observer),
      stop_requested_(stop_requested),
      data_hash_(dataset.Hash()),
      learner_(std::make_shared<const InputSchema>(MakeInputSchema(dataset, options.model)),
               options.learner(), tensor_options),
      data_(*learner_.schema(), dataset, tensor_options),
      state_(InitialState(options, learner_, {communicator.rank(), communicator.world_size()})),
      engine_(
          ChooseEngine(options.train.engine, {learner_, data_.builder()}, tensor_options.device())),
      threads_(std::max(1, static_cast<int>(options.train.threads)), UseOneThreadPerOperator),
      outer_loop_(
          OuterLoopOptions(options), *engine_.engine, data_.builder(), state_.parameters,
          state_.optimizer,
          StepsAlone(options, communicator) ? static_cast<Communicator&>(alone_) : communicator_,
          threads_),
      balance_(options.balance_every_steps, communicator_),
      saver_({.run_dir = options.run_dir,
              .start_number = options.start_number,
              .keep = options.checkpoint.keep,
              .copy_bytes = options.checkpoint_copy_bytes,
              .max_deltas = options.checkpoint.max_deltas,
              .delta_from_bytes = options.checkpoint_delta_from_bytes,
              .require_run_dir = options.require_run_dir},
             communicator_),
      evaluator_(learner_, data_, dataset, options.tasks, options.eval, options.seed,
                 communicator_),
      save_begin_(Clock::now()) {
  UseOneThreadPerOperator();
  if (StepsAlone(options, communicator)) {
    local_steps_.emplace(state_.parameters, state_.optimizer, communicator_);
  }
}

Trainer::~Trainer() = default;

TrainOutcome Trainer::Run() {
  observer_.OnEngine(engine_.reason, threads_.count());
  Restore();
  MetaBatchLoader loader(dataset_, kTrainPart, TrainingTasks(options_), options_.seed,
                         {communicator_.rank(), communicator_.world_size()});
  loader.SeekToStep(state_.counters.step);
  const Clock::time_point begin = Clock::now();
  bool stopped = false;
  while (!Done() && !stopped) {
    const Clock::time_point step_begin = Clock::now();
    EnterStep(state_.counters.step);
    EnterPhase(Phase::kLoad);
    const MetaBatch& meta_batch = loader.Next();  // the one after it is already being prefetched
    epoch_ = meta_batch.epoch;
    const double load_sec = SecondsSince(step_begin);
    communicator_.Clear();
    const StepResult result = Step(loader, meta_batch, Wishes(SecondsSince(begin)));  // collective
    Advance(result);
    AccountForSkip(result);  // collective
    observer_.OnStep({.step = state_.counters.step,
                      .max_steps = options_.train.max_steps,
                      .epoch = meta_batch.epoch,
                      .result = result,
                      .step_sec = SecondsSince(step_begin),
                      .load_sec = load_sec,
                      .times = outer_loop_.times(),
                      .traffic = communicator_.total()});
    if (const auto report = balance_.OnStep(load_sec, outer_loop_.times())) {  // collective
      observer_.OnBalance(*report);
    }
    if (const auto spike = loss_watch_.Add(result.loss)) {
      observer_.OnLossSpike(state_.counters.step, *spike);
    }
    SaveAndCompare(result);  // collective
    stopped = result.wishes.stop;
  }
  if (!stopped && evaluated_step_ != state_.counters.step) Evaluate();
  FinishSave();
  EnterPhase(Phase::kEnd);
  if (stopped && !Done()) return TrainOutcome::kStopped;
  return state_.counters.step < options_.train.max_steps ? TrainOutcome::kEarlyStopped
                                                         : TrainOutcome::kDone;
}

StepResult Trainer::Step(MetaBatchLoader& loader, const MetaBatch& meta_batch,
                         const StepWishes& wishes) {
  if (local_steps_) return StepAlone(meta_batch, wishes);
  const bool is_last = meta_batch.step + 1 == options_.train.max_steps;
  return outer_loop_.Step(
      meta_batch, [&] { return is_last ? nullptr : &loader.Peek(); }, wishes);
}

bool Trainer::RanksMeetAfter(int64_t step) const {
  return !local_steps_ || step % options_.dist.local_steps == 0 ||
         step == options_.train.max_steps || Due(step, options_.eval.every_steps) ||
         Due(step, options_.checkpoint.every_steps);
}

// The loss is the rank's own; counts and wishes are told when ranks meet.
StepResult Trainer::StepAlone(const MetaBatch& meta_batch, const StepWishes& wishes) {
  MetaBatch own = meta_batch;
  own.global_chunk_count = std::ssize(own.chunks);
  StepResult result;
  if (!own.chunks.empty()) result = outer_loop_.Step(own);
  result.wishes = {};
  // Ranks cannot agree on leaving a step out while they are apart.
  if (!result.skip_reason.empty()) throw NumericError(result.skip_reason);
  const int64_t step = meta_batch.step + 1;
  state_.optimizer.set_step_count(step);
  untold_.task_count += result.task_count;
  untold_.skipped_task_count += result.skipped_task_count;
  result.task_count = result.skipped_task_count = 0;
  if (!RanksMeetAfter(step)) return result;
  local_steps_->Meet();
  std::array<int64_t, 5> sums = {untold_.task_count, untold_.skipped_task_count,
                                 wishes.stop ? 1 : 0, wishes.save ? 1 : 0, wishes.saving ? 1 : 0};
  communicator_.AllReduce(std::span<int64_t>(sums), ReduceOp::kSum);
  untold_ = {};
  result.task_count = sums[0];
  result.skipped_task_count = sums[1];
  result.wishes = {sums[2] > 0, sums[3] > 0, sums[4] > 0};
  return result;
}

void Trainer::Restore() {
  std::string path;
  const std::string& resume = options_.checkpoint.resume;
  if (communicator_.is_root() && resume == "auto") {
    path = FindNewestValid(options_.run_dir, [this](const std::string& refused,
                                                    const std::string& reason) {
             observer_.OnRefusedCheckpoint(refused, reason);
           }).value_or("");
  } else if (resume != "never") {
    path = resume;
  }
  path = BroadcastText(communicator_, path);
  if (path.empty()) {
    if (options_.model.start == ModelOptions::Start::kAls) {
      StartFromAls(dataset_, options_.model, data_.items(), learner_.layout(), options_.seed,
                   state_.parameters);
    }
    run_id_ = BroadcastText(communicator_, NewRunId());
    return;
  }
  Load(path);
  saved_step_ = state_.counters.step;
  observer_.OnResume(path, state_.counters.step);
}

void Trainer::Load(const std::string& path) {
  const CheckpointReader checkpoint(path);
  if (checkpoint.manifest().data_hash != data_hash_) {
    throw ConfigError(
        "checkpoint '{}' was trained on other data: its data set has manifest {}, '{}' has {}; "
        "point data.path at the same data set, or start anew with another run.dir",
        path, checkpoint.manifest().data_hash.substr(0, 12), dataset_.path(),
        data_hash_.substr(0, 12));
  }
  LoadRunState(checkpoint, learner_.layout(), state_);
  saver_.SetBase(checkpoint);
  run_id_ = checkpoint.manifest().run_id;
}

bool Trainer::Done() const {
  const TrainState& state = state_.counters;
  const int64_t patience = options_.train.patience;
  return state.step >= options_.train.max_steps ||
         (patience > 0 && state.evaluations_without_improvement >= patience);
}

StepWishes Trainer::Wishes(double elapsed_sec) const {
  const double limit = options_.train.max_wall_time_sec;
  const CheckpointOptions& checkpoint = options_.checkpoint;
  const bool save_is_due =
      communicator_.is_root() && checkpoint.every_steps == CheckpointOptions::kAutoInterval &&
      !saver_.in_flight() &&
      SecondsSince(save_begin_) >= BestSaveInterval(save_cost_sec_, checkpoint.mtbf_sec);
  return {.stop = stop_requested_.load() || (limit > 0.0 && elapsed_sec >= limit),
          .save = save_is_due,
          .saving = saver_.is_busy()};
}

bool Trainer::DueForEvaluation() const {
  return Due(state_.counters.step, options_.eval.every_steps);
}

bool Trainer::DueForCheckpoint(const StepResult& result) const {
  if (saved_step_ == state_.counters.step) return false;
  // The best step so far must be on disk before a later one can be worse.
  return Due(state_.counters.step, options_.checkpoint.every_steps) || result.wishes.save ||
         state_.counters.best_step == state_.counters.step;
}

void Trainer::Advance(const StepResult& result) {
  ++state_.counters.step;
  state_.counters.tasks_seen += result.task_count + result.skipped_task_count;
  state_.counters.tasks_skipped += result.skipped_task_count;
}

void Trainer::Evaluate() {
  EnterPhase(Phase::kEvaluate);
  ValidationResult result = evaluator_.Validate(state_.parameters);
  result.step = state_.counters.step;
  evaluated_step_ = result.step;
  if (result.task_count == 0) return;
  last_metric_ = result.value;
  TrainState& state = state_.counters;
  const bool is_best = state.best_step < 0 || (HigherIsBetter(ParseMetric(result.metric).kind)
                                                   ? result.value > state.best_metric
                                                   : result.value < state.best_metric);
  if (is_best) {
    state.best_metric = result.value;
    state.best_step = state.step;
    state.evaluations_without_improvement = 0;
  } else {
    ++state.evaluations_without_improvement;
  }
  observer_.OnEvaluation(result, is_best);
}

void Trainer::SaveAndCompare(const StepResult& result) {
  const int64_t step = state_.counters.step;
  const bool ranks_meet = RanksMeetAfter(step);
  if (ranks_meet && saver_.in_flight() && !result.wishes.saving) {
    if (const auto outcome = saver_.Advance()) Conclude(*outcome);
  }
  if (DueForEvaluation()) Evaluate();
  if (DueForCheckpoint(result)) {
    BeginSave();  // compares the ranks, too
  } else if (ranks_meet && Due(step, options_.dist.check_every)) {
    RequireEqualRanks(state_, communicator_);
  }
}

// Collective: all ranks saw the same result.
void Trainer::AccountForSkip(const StepResult& result) {
  if (result.skip_reason.empty()) return;
  TrainState& state = state_.counters;
  const int64_t count = SkipBudget::Add(state.step, state.skipped_steps);
  observer_.OnSkippedStep(state.step, result.skip_reason, count);
  if (count > SkipBudget::kMost) RollBack(result.skip_reason);
}

// Later tasks from earlier parameters: what made steps fail may have been on the way there.
void Trainer::RollBack(const std::string& reason) {
  TrainState now = state_.counters;
  if (saver_.in_flight()) Conclude(saver_.Finish());
  std::string path;
  if (communicator_.is_root() && now.roll_backs < SkipBudget::kMostRollBacks) {
    path = FindNewestValid(options_.run_dir, [](const std::string&, const std::string&) {
           }).value_or("");
  }
  path = BroadcastText(communicator_, path);
  if (path.empty()) {
    throw NumericError(
        "more than {} of the last {} outer steps could not be taken, and {}; the newest: {}",
        SkipBudget::kMost, SkipBudget::kWindow,
        now.roll_backs == 0
            ? std::string("there is no checkpoint to go back to")
            : fmt::format("going back to a checkpoint {} times did not help", now.roll_backs),
        reason);
  }
  Load(path);
  now.skipped_steps.clear();
  ++now.roll_backs;
  state_.counters = now;
  state_.optimizer.set_step_count(now.step);
  saved_step_ = -1;
  observer_.OnRollBack(now.step, path);
  BeginSave();
}

void Trainer::BeginSave() {
  EnterPhase(Phase::kSave);
  if (saver_.in_flight()) Conclude(saver_.Finish());
  RequireEqualRanks(state_, communicator_);
  save_begin_ = Clock::now();
  CheckpointManifest manifest;
  manifest.run_id = run_id_;
  manifest.step = state_.counters.step;
  manifest.epoch = epoch_;
  manifest.world_size = communicator_.world_size();
  manifest.config_hash = options_.config_hash;
  manifest.data_hash = data_hash_;
  manifest.tool_version = options_.tool_version;
  if (evaluated_step_ == manifest.step) {
    manifest.metric = CheckpointMetric{options_.eval.metric, last_metric_};
  }
  manifest.scalars = ToJson(state_.counters);
  const ParameterLayout& layout = learner_.layout();
  const RankPlace place{communicator_.rank(), communicator_.world_size()};
  const SaveBytes bytes = BytesToSave(state_, layout, place);
  const bool is_delta = saver_.PrefersDelta(bytes.whole, bytes.changes);
  SavedArrays saved =
      ArraysToSave(state_, layout, place, is_delta ? SaveScope::kChanges : SaveScope::kWhole);
  for (EmbeddingTable& table : state_.parameters.tables) table.ForgetChanges();
  saved_step_ = manifest.step;
  saver_.Begin(is_delta ? CheckpointSaver::Kind::kDelta : CheckpointSaver::Kind::kWhole,
               std::move(manifest), std::move(saved.arrays), {state_.counters.best_step});
  save_cost_sec_ = SecondsSince(save_begin_);
}

// At the end of a run: its last step is committed, or this throws.
void Trainer::FinishSave() {
  EnterPhase(Phase::kSave);
  if (saver_.in_flight()) Conclude(saver_.Finish());
  if (saved_step_ == state_.counters.step) return;
  BeginSave();
  failed_saves_ = options_.checkpoint.max_failed_saves;  // there is no later one to wait for
  Conclude(saver_.Finish());
}

void Trainer::Conclude(const SaveOutcome& outcome) {
  if (!outcome.failure) {
    failed_saves_ = 0;
    observer_.OnCheckpoint({.path = outcome.path,
                            .step = outcome.step,
                            .size_bytes = outcome.size_bytes,
                            .is_delta = outcome.is_delta,
                            .save_sec = outcome.save_sec,
                            .stall_sec = outcome.stall_sec});
    return;
  }
  const RankFailure& failure = *outcome.failure;
  const bool may_pass = failure.code == ExitCode::kStorage || failure.code == ExitCode::kPermission;
  if (!may_pass || failed_saves_ >= options_.checkpoint.max_failed_saves) Throw(failure);
  ++failed_saves_;
  if (saved_step_ == outcome.step) saved_step_ = -1;
  observer_.OnFailedSave(outcome.step, failure.message, failed_saves_,
                         options_.checkpoint.max_failed_saves);
}

}  // namespace hearth
