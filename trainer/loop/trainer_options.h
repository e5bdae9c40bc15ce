#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "trainer/loop/options.h"

namespace hearth {

/// All options of a training run.
struct TrainerOptions : TrainingSections {
  std::string run_dir;       ///< must exist; checkpoints go to RUN/checkpoints
  std::string config_hash;   ///< recorded in checkpoints
  std::string tool_version;  ///< recorded in checkpoints
  uint64_t seed = 1;
  int64_t balance_every_steps = 10;  ///< outer steps between BalanceReports, >= 1
  /// Most bytes of state that this rank copies in order to save beside training (MostCopyBytes).
  int64_t checkpoint_copy_bytes = int64_t{1} << 30;
  int64_t checkpoint_delta_from_bytes = int64_t{64} << 20;  ///< CheckpointSaver::Options
  /// The number of this job among all jobs that ever held run_dir. Unfinished checkpoints carry it.
  int64_t start_number = 0;
  /// Called on rank 0 right before a checkpoint becomes visible; throws when another job has taken
  /// run_dir over. It is empty when no other job can do so.
  std::function<void()> require_run_dir;
};

}  // namespace hearth
