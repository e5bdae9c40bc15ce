#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "common/error.h"
#include "trainer/loop/options.h"

namespace hearth {

/// Decides when a run saves, and if it survives a save that failed. The schedule touches no file
/// and does not communicate: RunCheckpoints tells it of every save.
class SaveSchedule {
 public:
  /// `now_sec`: a clock that never goes back. The first interval begins now.
  SaveSchedule(const CheckpointOptions& options, std::function<double()> now_sec);

  /// True when BestSaveInterval has passed since the newest save began; false unless
  /// checkpoint.every is auto. Ranks have clocks of their own, so one of them asks the others for a
  /// save.
  bool IntervalIsOver() const;
  /// True when a save is due after `step`: no save of this step was begun, and the step is a
  /// multiple of checkpoint.every, some rank asked for a save, or the step is the best so far: the
  /// best one must be on disk before a later one can be worse.
  bool IsDueAfter(int64_t step, bool is_best, bool is_requested) const;
  /// True when this step is on disk, or its save was begun and has not failed.
  bool Has(int64_t step) const { return step == saved_step_; }

  /// Records that the state is the one of this committed step.
  void OnLoaded(int64_t step) { saved_step_ = step; }
  /// A save begins; training waits until OnTrainingGoesOn. The waiting time is the cost of this
  /// save.
  void OnBegin(int64_t step);
  void OnTrainingGoesOn();
  void OnCommitted() { failed_count_ = 0; }
  /// Records that the save of `step` failed. Returns the number of failures in a row, this one
  /// included. Returns nothing when the run must end, because the failure will not pass or
  /// checkpoint.max_failed_saves is spent.
  std::optional<int64_t> OnFailed(int64_t step, ExitCode code);

 private:
  CheckpointOptions options_;
  std::function<double()> now_sec_;
  int64_t saved_step_ = -1;  // newest step with a begun, not failed save; -1: none
  int64_t failed_count_ = 0;
  double begin_sec_;       // of the newest save, or of the run
  double cost_sec_ = 0.0;  // training time the newest save took
};

}  // namespace hearth
