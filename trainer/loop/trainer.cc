#include "trainer/loop/trainer.h"

#include <algorithm>
#include <utility>

#include <ATen/Parallel.h>

#include "common/clock.h"
#include "common/phase.h"
#include "trainer/loop/alone_stepper.h"
#include "trainer/loop/als_start.h"
#include "trainer/loop/skip_policy.h"
#include "trainer/loop/step_reporter.h"
#include "trainer/state/replica_check.h"
#include "trainer/tensor/training_phases.h"

namespace hearth {
namespace {

// A chunk's bits must not depend on the number of cores.
void UseOneThreadPerOperator() { at::set_num_threads(1); }

// Ranks that step alone need whole tables.
TablePlacement PlacementOf(const DistOptions& options, RankPlace place) {
  if (options.local_steps > 1) return {};
  return {place.rank, place.world_size, options.replicate_bytes, options.wire};
}

bool StepsAlone(const TrainerOptions& options, const Communicator& communicator) {
  return options.dist.local_steps > 1 && communicator.world_size() > 1;
}

std::unique_ptr<Stepper> MakeAloneStepper(const TrainerOptions& options,
                                          std::unique_ptr<OuterLoop> own, RunState& state,
                                          Communicator& communicator) {
  const AloneStepper::Options when = {.local_steps = options.dist.local_steps,
                                      .max_steps = options.train.max_steps,
                                      .validate_every_steps = options.eval.every_steps,
                                      .save_every_steps = options.checkpoint.every_steps};
  return std::make_unique<AloneStepper>(when, std::move(own), state.parameters, state.optimizer,
                                        communicator);
}

// `alone`: the communicator of a rank that steps alone.
std::unique_ptr<Stepper> MakeStepper(const TrainerOptions& options, const Engine& engine,
                                     const BatchBuilder& builder, RunState& state,
                                     WorkerThreads& threads, Communicator& communicator,
                                     Communicator& alone) {
  const bool steps_alone = StepsAlone(options, communicator);
  auto outer_loop =
      std::make_unique<OuterLoop>(OuterLoopOptions(options), engine, builder, state.parameters,
                                  state.optimizer, steps_alone ? alone : communicator, threads);
  if (!steps_alone) return outer_loop;
  return MakeAloneStepper(options, std::move(outer_loop), state, communicator);
}

}  // namespace

RunState InitialState(const TrainerOptions& options, const Learner& learner, RankPlace place) {
  return {.parameters = learner.InitialParameters(options.optim.table_type, options.seed,
                                                  options.tables, PlacementOf(options.dist, place)),
          .optimizer = DenseOptimizer(options.optim, learner.layout(), learner.tensor_options()),
          .counters = {}};
}

TaskOptions TrainingTasks(const TrainingSections& options) {
  TaskOptions tasks = options.tasks;
  tasks.negatives_are_rows = NegativesAreRows(options.meta.loss);
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
      on_data_(dataset, options, tensor_options),
      state_(InitialState(options, on_data_.learner,
                          {communicator.rank(), communicator.world_size()})),
      engine_(ChooseEngine(options.train.engine, {on_data_.learner, on_data_.data.builder()},
                           tensor_options.device())),
      threads_(std::max(1, static_cast<int>(options.train.threads)), UseOneThreadPerOperator),
      stepper_(MakeStepper(options, *engine_.engine, on_data_.data.builder(), state_, threads_,
                           communicator_, alone_)),
      evaluator_(on_data_.learner, on_data_.data, dataset, options.tasks, options.eval,
                 options.seed, communicator_),
      validation_([this] { return evaluator_.Validate(state_.parameters); }, state_.counters,
                  observer),
      checkpoints_(options_, dataset, on_data_.learner.layout(), state_, communicator_, observer) {
  UseOneThreadPerOperator();
}

Trainer::~Trainer() = default;

TrainOutcome Trainer::Run() {
  Begin();  // collective
  MetaBatchLoader loader(dataset_, kTrainPart, TrainingTasks(options_), options_.seed,
                         {communicator_.rank(), communicator_.world_size()});
  loader.SeekToStep(state_.counters.step);
  SkipPolicy skips(state_, checkpoints_, observer_);
  StepReporter reporter(options_.balance_every_steps, communicator_, observer_);
  const double begin = SteadyNowSec();
  bool is_stopped = false;
  while (!IsDone() && !is_stopped) {
    const double step_begin = SteadyNowSec();
    EnterStep(state_.counters.step);
    EnterPhase(kLoadPhase);
    const MetaBatch& meta_batch = loader.Next();  // the one after it is already being prefetched
    const double load_sec = SteadyNowSec() - step_begin;
    communicator_.Clear();
    const StepResult result = stepper_->Step(  // collective
        meta_batch, [&] { return NextOf(loader); }, Requests(SteadyNowSec() - begin));
    Count(result, meta_batch.epoch);
    skips.OnStep(result, epoch_);  // collective
    const StepReport report = {.step = state_.counters.step,
                               .max_steps = options_.train.max_steps,
                               .epoch = epoch_,
                               .result = result,
                               .step_sec = SteadyNowSec() - step_begin,
                               .load_sec = load_sec,
                               .times = stepper_->times(),
                               .traffic = communicator_.total()};
    reporter.OnStep(report);  // collective
    ValidateAndSave(result);  // collective
    is_stopped = result.requests.stop;
  }
  return End(is_stopped);  // collective
}

// Loads or makes the state for the first step of this start. A new run validates its start, so that
// training which makes it worse is seen, and the start is kept as the best step. Collective.
void Trainer::Begin() {
  observer_.OnEngine(engine_.reason, threads_.count());
  if (checkpoints_.Resume()) return;
  if (options_.model.start == ModelOptions::Start::kAls) {
    StartFromAls(dataset_, options_.model, on_data_.data.items(), on_data_.learner.layout(),
                 options_.seed, state_.parameters, on_data_.learner.loss());
  }
  validation_.Run();
  if (validation_.MetricOf(0)) checkpoints_.Begin(Notes());
}

bool Trainer::IsDone() const {
  const TrainState& counters = state_.counters;
  const int64_t patience = options_.train.patience;
  return counters.step >= options_.train.max_steps ||
         (patience > 0 && counters.evaluations_without_improvement >= patience);
}

StepRequests Trainer::Requests(double elapsed_sec) const {
  const double limit = options_.train.max_wall_time_sec;
  return {.stop = stop_requested_.load() || (limit > 0.0 && elapsed_sec >= limit),
          .save = checkpoints_.RequestsSave(),
          .still_saving = checkpoints_.is_busy()};
}

// The meta-batch after the one that is computed now.
const MetaBatch* Trainer::NextOf(MetaBatchLoader& loader) const {
  if (state_.counters.step + 1 == options_.train.max_steps) return nullptr;
  return &loader.Peek();
}

void Trainer::Count(const StepResult& result, int64_t epoch) {
  ++state_.counters.step;
  state_.counters.tasks_seen += result.task_count + result.skipped_task_count;
  state_.counters.tasks_skipped += result.skipped_task_count;
  epoch_ = epoch;
}

// Lets a save go on or begin. The ranks are compared when a save begins, and now and then without a
// save. Collective.
void Trainer::ValidateAndSave(const StepResult& result) {
  const int64_t step = state_.counters.step;
  const bool ranks_agree = stepper_->RanksAgreeAfter(step);
  if (ranks_agree && !result.requests.still_saving) checkpoints_.Advance();
  if (IsDue(step, options_.eval.every_steps)) validation_.Run();
  if (checkpoints_.IsDue(result.requests.save)) {
    checkpoints_.Begin(Notes());
  } else if (ranks_agree && IsDue(step, options_.dist.check_every)) {
    RequireEqualRanks(state_, communicator_);
  }
}

// Collective.
TrainOutcome Trainer::End(bool is_stopped) {
  if (!is_stopped && !validation_.Has(state_.counters.step)) validation_.Run();
  checkpoints_.SaveLast(Notes());
  EnterPhase(kEndPhase);
  if (is_stopped && !IsDone()) return TrainOutcome::kStopped;
  if (state_.counters.step < options_.train.max_steps) return TrainOutcome::kEarlyStopped;
  return TrainOutcome::kDone;
}

StepNotes Trainer::Notes() const {
  return {.epoch = epoch_, .metric = validation_.MetricOf(state_.counters.step)};
}

}  // namespace hearth
