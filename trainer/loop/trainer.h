#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "cluster/counting_communicator.h"
#include "cluster/self_communicator.h"
#include "common/rank_place.h"
#include "common/worker_threads.h"
#include "sampler/meta_batch_loader.h"
#include "storage/shard/dataset.h"
#include "trainer/adapt/learner_of_dataset.h"
#include "trainer/evaluate/evaluation.h"
#include "trainer/gradient/engine.h"
#include "trainer/loop/outer_loop.h"
#include "trainer/loop/run_checkpoints.h"
#include "trainer/loop/stepper.h"
#include "trainer/loop/tensor_setup.h"
#include "trainer/loop/train_observer.h"
#include "trainer/loop/trainer_options.h"
#include "trainer/loop/validation.h"
#include "trainer/state/run_state.h"

namespace hearth {

/// How a run ended.
enum class TrainOutcome {
  kDone,          ///< train.max_steps reached
  kEarlyStopped,  ///< train.patience is spent; it counts as done
  kStopped,       ///< stop requested or train.max_wall_time reached; a checkpoint is committed
};

/// The state a run begins with, before a checkpoint is loaded or start values come from another
/// model.
RunState InitialState(const TrainerOptions& options, const Learner& learner, RankPlace place);
/// The tasks of training, some of them with hidden item ids (ModelOptions::id_dropout), and with
/// negatives in the form that the loss reads.
TaskOptions TrainingTasks(const TrainingSections& options);
OuterLoop::Options OuterLoopOptions(const TrainerOptions& options);

/// The training run of one rank. All ranks make one with the same options and data.
class Trainer {
 public:
  /// References must outlive the trainer; `stop_requested` is set by signal handlers.
  /// `tensor_options`: from TensorOptionsFor (tensor_setup.h).
  Trainer(const TrainerOptions& options, const Dataset& dataset, Communicator& communicator,
          TrainObserver& observer, const std::atomic<bool>& stop_requested,
          at::TensorOptions tensor_options);
  ~Trainer();

  /// Collective. Resumes as options.checkpoint.resume says, then runs to the end. A checkpoint of
  /// the last step is committed whenever this returns.
  TrainOutcome Run();

  const Learner& learner() const { return on_data_.learner; }
  const TrainState& state() const { return state_.counters; }

 private:
  void Begin();
  bool IsDone() const;
  StepRequests Requests(double elapsed_sec) const;
  const MetaBatch* NextOf(MetaBatchLoader& loader) const;
  void Count(const StepResult& result, int64_t epoch);
  void ValidateAndSave(const StepResult& result);
  TrainOutcome End(bool is_stopped);
  StepNotes Notes() const;

  TrainerOptions options_;
  const Dataset& dataset_;
  CountingCommunicator communicator_;
  SelfCommunicator alone_;  // of a rank that steps without the others
  TrainObserver& observer_;
  const std::atomic<bool>& stop_requested_;
  LearnerOfDataset on_data_;
  RunState state_;
  ChosenEngine engine_;
  WorkerThreads threads_;
  std::unique_ptr<Stepper> stepper_;
  Evaluator evaluator_;
  Validation validation_;
  RunCheckpoints checkpoints_;
  int64_t epoch_ = 0;  // of the newest step
};

}  // namespace hearth
