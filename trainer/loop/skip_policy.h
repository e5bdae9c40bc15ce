#pragma once

#include <cstdint>
#include <string>

#include "trainer/loop/run_checkpoints.h"
#include "trainer/loop/stepper.h"
#include "trainer/loop/train_observer.h"
#include "trainer/state/run_state.h"

namespace hearth {

/// Deals with outer steps that could not be taken. A run goes on without them until they spend the
/// SkipBudget. Then it goes back to the parameters of the newest checkpoint, and goes on from there
/// with later tasks: the parameters it had reached may have been the cause.
class SkipPolicy {
 public:
  /// References must outlive this object.
  SkipPolicy(RunState& state, RunCheckpoints& checkpoints, TrainObserver& observer)
      : state_(state), checkpoints_(checkpoints), observer_(observer) {}

  /// Call after each step, when the counters include it. `epoch`: the epoch of this step. Throws
  /// NumericError when there is no checkpoint to go back to, or when going back
  /// SkipBudget::kMostRollBacks times did not help. Collective: all ranks must call, with the same
  /// result.
  void OnStep(const StepResult& result, int64_t epoch);

 private:
  void RollBack(const std::string& reason, int64_t epoch);

  RunState& state_;
  RunCheckpoints& checkpoints_;
  TrainObserver& observer_;
};

}  // namespace hearth
