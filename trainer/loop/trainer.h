#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "cluster/counting_communicator.h"
#include "cluster/self_communicator.h"
#include "common/worker_threads.h"
#include "sampler/deal.h"
#include "sampler/meta_batch_loader.h"
#include "sampler/task_options.h"
#include "storage/shard/dataset.h"
#include "trainer/adapt/learner.h"
#include "trainer/evaluate/evaluation.h"
#include "trainer/gradient/engine.h"
#include "trainer/loop/balance.h"
#include "trainer/loop/local_steps.h"
#include "trainer/loop/loss_watch.h"
#include "trainer/loop/options.h"
#include "trainer/loop/outer_loop.h"
#include "trainer/loop/tensor_setup.h"
#include "trainer/loop/train_observer.h"
#include "trainer/state/checkpoint_saver.h"
#include "trainer/state/run_state.h"

namespace hearth {

/// Everything a training run is asked for.
struct TrainerOptions {
  std::string run_dir;       ///< must exist; checkpoints go to RUN/checkpoints
  std::string config_hash;   ///< recorded in checkpoints
  std::string tool_version;  ///< recorded in checkpoints
  uint64_t seed = 1;
  TaskOptions tasks;
  ModelOptions model;
  TableOptions tables;
  MetaOptions meta;
  GradientDescentOptions descent;
  OptimizerOptions optim;
  TrainOptions train;
  EvalOptions eval;
  CheckpointOptions checkpoint;
  DistOptions dist;
  int64_t balance_every_steps = 10;  ///< outer steps between BalanceReports, >= 1
  /// Most bytes of state that this rank copies in order to save beside training (MostCopyBytes).
  int64_t checkpoint_copy_bytes = int64_t{1} << 30;
  int64_t checkpoint_delta_from_bytes = int64_t{64} << 20;  ///< CheckpointSaver::Options
  /// Which of all jobs that ever held run_dir this one is: unfinished checkpoints carry the number.
  int64_t start_number = 0;
  /// Called on rank 0 right before a checkpoint becomes visible; throws when another job has taken
  /// run_dir over. None: nobody else can.
  std::function<void()> require_run_dir;

  LearnerOptions learner() const { return {model, meta, descent}; }
};

/// How a run ended.
enum class TrainOutcome {
  kDone,          ///< train.max_steps reached
  kEarlyStopped,  ///< train.patience spent: as good as done
  kStopped,       ///< stop requested or train.max_wall_time reached; a checkpoint is committed
};

/// What a run begins with, before a checkpoint is loaded or another model is taken as start.
RunState InitialState(const TrainerOptions& options, const Learner& learner, RankPlace place);
/// The tasks of training, some of them with hidden item ids (ModelOptions::id_dropout).
TaskOptions TrainingTasks(const TrainerOptions& options);
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
  /// the last step is committed whenever it returns.
  TrainOutcome Run();

  const Learner& learner() const { return learner_; }
  const TrainState& state() const { return state_.counters; }

 private:
  void Restore();
  bool Done() const;
  StepWishes Wishes(double elapsed_sec) const;
  bool DueForEvaluation() const;
  bool DueForCheckpoint(const StepResult& result) const;
  bool RanksMeetAfter(int64_t step) const;
  StepResult Step(MetaBatchLoader& loader, const MetaBatch& meta_batch, const StepWishes& wishes);
  StepResult StepAlone(const MetaBatch& meta_batch, const StepWishes& wishes);
  void Advance(const StepResult& result);
  void Evaluate();
  void SaveAndCompare(const StepResult& result);
  void AccountForSkip(const StepResult& result);
  void RollBack(const std::string& reason);
  void Load(const std::string& path);
  void BeginSave();
  void FinishSave();
  void Conclude(const SaveOutcome& outcome);

  TrainerOptions options_;
  const Dataset& dataset_;
  CountingCommunicator communicator_;
  TrainObserver& observer_;
  const std::atomic<bool>& stop_requested_;
  std::string data_hash_;  // recorded in checkpoints
  Learner learner_;
  DataBinding data_;
  RunState state_;
  ChosenEngine engine_;
  WorkerThreads threads_;
  SelfCommunicator alone_;
  OuterLoop outer_loop_;
  std::optional<LocalSteps> local_steps_;  // where ranks step alone
  BalanceWatch balance_;
  LossWatch loss_watch_;
  CheckpointSaver saver_;
  Evaluator evaluator_;
  StepResult untold_;  // counts of steps taken alone
  std::string run_id_;
  int64_t epoch_ = 0;           // of the newest step
  int64_t saved_step_ = -1;     // newest step whose save was begun and has not failed, -1: none
  int64_t failed_saves_ = 0;    // in a row
  double save_cost_sec_ = 0.0;  // training time the newest save took
  std::chrono::steady_clock::time_point save_begin_;  // of the newest one, or of the run
  int64_t evaluated_step_ = -1;                       // step of the newest evaluation, -1: none
  double last_metric_ = 0.0;                          // its value
};

}  // namespace hearth
