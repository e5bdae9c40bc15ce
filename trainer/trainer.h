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
#include "trainer/balance.h"
#include "trainer/checkpoint_saver.h"
#include "trainer/engine/engine.h"
#include "trainer/evaluate/evaluation.h"
#include "trainer/local_steps.h"
#include "trainer/loss_watch.h"
#include "trainer/method/meta_learner.h"
#include "trainer/options.h"
#include "trainer/outer_loop.h"
#include "trainer/run_state.h"
#include "trainer/tensor_setup.h"

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
};

/// One outer step, as reported.
struct StepReport {
  int64_t step = 0;  ///< steps done, this one included
  int64_t max_steps = 0;
  int64_t epoch = 0;
  StepResult result;
  double step_sec = 0;     ///< wall time of the step on this rank
  double load_sec = 0;     ///< part of it spent waiting for the meta-batch
  StepTimes times;         ///< the rest of it
  OperationCount traffic;  ///< calls and bytes of this rank
};

struct CheckpointReport {
  std::string path;
  int64_t step = 0;
  int64_t size_bytes = 0;
  bool is_delta = false;  ///< holds the changes since the one before
  double save_sec = 0;    ///< from its begin to its commit
  double stall_sec = 0;   ///< part of it in which this rank did not train
};

/// Hears what happens in a run. Called on every rank, in the training thread, between collectives:
/// implementations must not communicate and should return at once.
class TrainObserver {
 public:
  virtual ~TrainObserver() = default;
  /// Once, before anything else: which engine computes the gradients and why, and on how many
  /// threads of this rank.
  virtual void OnEngine(const std::string& engine, int thread_count) = 0;
  virtual void OnResume(const std::string& checkpoint_path, int64_t step) = 0;
  /// A newer checkpoint was refused while looking for one to resume from. Rank 0 only.
  virtual void OnRefusedCheckpoint(const std::string& path, const std::string& reason) = 0;
  virtual void OnStep(const StepReport& report) = 0;
  /// Only with several ranks.
  virtual void OnBalance(const BalanceReport& report) = 0;
  virtual void OnEvaluation(const ValidationResult& result, bool is_best) = 0;
  virtual void OnCheckpoint(const CheckpointReport& report) = 0;
  /// A save failed and training goes on: the `count`-th in a row of at most `limit`.
  virtual void OnFailedSave(int64_t step, const std::string& reason, int64_t count,
                            int64_t limit) = 0;
  /// An outer step was not taken; `count` of the last SkipBudget::kWindow were not.
  virtual void OnSkippedStep(int64_t step, const std::string& reason, int64_t count) = 0;
  /// The parameters are those of an earlier checkpoint again.
  virtual void OnRollBack(int64_t step, const std::string& checkpoint_path) = 0;
  virtual void OnLossSpike(int64_t step, const LossSpike& spike) = 0;
};

/// How a run ended.
enum class TrainOutcome {
  kDone,          ///< train.max_steps reached
  kEarlyStopped,  ///< train.patience spent: as good as done
  kStopped,       ///< stop requested or train.max_wall_time reached; a checkpoint is committed
};

/// What a run begins with, before a checkpoint is loaded or another model is taken as start.
RunState InitialState(const TrainerOptions& options, const MetaLearner& learner, RankPlace place);
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

  const MetaLearner& learner() const { return learner_; }
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
  MetaLearner learner_;
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
