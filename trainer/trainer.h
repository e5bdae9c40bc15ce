#pragma once

#include <atomic>
#include <cstdint>
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
#include "trainer/engine/engine.h"
#include "trainer/evaluate/evaluation.h"
#include "trainer/local_steps.h"
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
  double save_sec = 0;
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
  bool WantsToStop(double elapsed_sec) const;
  bool DueForEvaluation() const;
  bool DueForCheckpoint() const;
  StepResult Step(MetaBatchLoader& loader, const MetaBatch& meta_batch, bool stop_wanted);
  StepResult StepAlone(const MetaBatch& meta_batch, bool stop_wanted);
  void Advance(const StepResult& result);
  void Evaluate();
  void SaveCheckpoint();

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
  Evaluator evaluator_;
  StepResult untold_;  // counts of steps taken alone
  std::string run_id_;
  int64_t epoch_ = 0;            // of the newest step
  int64_t saved_step_ = -1;      // step of the newest checkpoint, -1: none
  int64_t evaluated_step_ = -1;  // step of the newest evaluation, -1: none
  double last_metric_ = 0.0;     // its value
};

}  // namespace hearth
