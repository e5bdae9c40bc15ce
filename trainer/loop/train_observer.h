#pragma once

#include <cstdint>
#include <string>

#include "cluster/counting_communicator.h"
#include "trainer/evaluate/evaluation.h"
#include "trainer/loop/balance.h"
#include "trainer/loop/loss_watch.h"
#include "trainer/loop/stepper.h"

namespace hearth {

/// The report of one outer step.
struct StepReport {
  int64_t step = 0;  ///< steps done, this one included
  int64_t max_steps = 0;
  int64_t epoch = 0;
  StepResult result;
  double step_sec = 0;     ///< wall time of the step on this rank
  double load_sec = 0;     ///< of these, seconds of waiting for the meta-batch
  StepTimes times;         ///< of the rest of the step
  OperationCount traffic;  ///< calls and bytes of this rank
};

struct CheckpointReport {
  std::string path;
  int64_t step = 0;
  int64_t size_bytes = 0;
  bool is_delta = false;  ///< holds the changes since the one before
  double save_sec = 0;    ///< from begin to commit
  double stall_sec = 0;   ///< time when this rank did not train
};

/// Receives the events of a run. The methods are called on every rank, in the training thread,
/// between collectives: implementations must not communicate and should return at once.
class TrainObserver {
 public:
  virtual ~TrainObserver() = default;
  /// Called once, before all other methods. `engine`: the engine that computes the gradients, and
  /// the reason for it. `thread_count`: threads of this rank that compute.
  virtual void OnEngine(const std::string& engine, int thread_count) = 0;
  virtual void OnResume(const std::string& checkpoint_path, int64_t step) = 0;
  /// A newer checkpoint was refused while looking for one to resume from. Rank 0 only.
  virtual void OnRefusedCheckpoint(const std::string& path, const std::string& reason) = 0;
  virtual void OnStep(const StepReport& report) = 0;
  /// Called if there are several ranks.
  virtual void OnBalance(const BalanceReport& report) = 0;
  virtual void OnEvaluation(const ValidationResult& result, bool is_best) = 0;
  virtual void OnCheckpoint(const CheckpointReport& report) = 0;
  /// A save failed and training goes on. It is failure number `count` in a row, of at most `limit`.
  virtual void OnFailedSave(int64_t step, const std::string& reason, int64_t count,
                            int64_t limit) = 0;
  /// An outer step was not taken. `count` of the last SkipBudget::kWindow steps were not taken.
  virtual void OnSkippedStep(int64_t step, const std::string& reason, int64_t count) = 0;
  /// The parameters were set back to an earlier checkpoint.
  virtual void OnRollBack(int64_t step, const std::string& checkpoint_path) = 0;
  virtual void OnLossSpike(int64_t step, const LossSpike& spike) = 0;
};

}  // namespace hearth
