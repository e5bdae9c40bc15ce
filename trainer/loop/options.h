#pragma once

#include <cstdint>
#include <string>

#include "cluster/communicator_kind.h"
#include "cluster/reduce_mode.h"
#include "cluster/wire.h"
#include "trainer/adapt/meta_options.h"
#include "trainer/evaluate/eval_options.h"
#include "trainer/gradient/engine_choice.h"
#include "trainer/model/model_options.h"
#include "trainer/optimize/optimizer_options.h"

namespace hearth {

/// The loop. Config section `train`.
struct TrainOptions {
  enum class Device { kAuto, kCpu, kCuda };
  enum class Precision { kFloat32, kFloat64 };

  int64_t max_steps = 2000;      ///< outer steps, >= 1
  double max_wall_time_sec = 0;  ///< commit and stop after this time; 0 = no limit
  Device device = Device::kAuto;
  Precision precision = Precision::kFloat32;
  EngineKind engine = EngineKind::kAuto;
  /// Chunks computed at the same time by one rank; 0: the cores this rank may use (ThreadCountFor).
  int64_t threads = 0;
  /// Stop after this many evaluations without improvement of the validation metric; 0 = never.
  int64_t patience = 0;
};

/// Config section `checkpoint`.
struct CheckpointOptions {
  /// As often as loses the least time, from what a save costs and mtbf_sec.
  static constexpr int64_t kAutoInterval = -1;
  enum class Async { kAuto, kNever };

  int64_t every_steps = kAutoInterval;  ///< 0 = only at the end
  double mtbf_sec = 86400;  ///< mean time between failures of the job, > 0; for kAutoInterval
  /// kAuto: beside training, where the copy that takes is a small part of the free memory.
  Async async = Async::kAuto;
  int64_t max_failed_saves = 3;  ///< in a row, before a run ends; 0: the first ends it
  int64_t keep = 2;              ///< newest ones kept, >= 1; the best one is kept beside them
  int64_t max_deltas = 16;       ///< delta checkpoints between two whole ones; 0: all are whole
  std::string resume =
      "auto";  ///< auto (newest valid one, else start), never, or a checkpoint's path
  /// Starts in a row that may end without a newer checkpoint before the next one is refused; 0 =
  /// any.
  int64_t max_fruitless_starts = 3;
};

/// Config section `dist`.
struct DistOptions {
  CommunicatorKind comm = CommunicatorKind::kAuto;
  ReduceMode reduce = ReduceMode::kExact;
  /// Tables of at most this size are kept whole on every rank; larger ones are sharded.
  int64_t replicate_bytes = 65536;
  Wire wire = Wire::kFull;
  /// Outer steps that a rank takes alone between meetings, >= 1; 1: ranks meet in every step.
  int64_t local_steps = 1;
  /// Outer steps between comparisons of the replicas of all ranks (RequireEqualReplicas); 0: never.
  int64_t check_every = 100;
  double timeout_sec = 600;  ///< deadline of one collective
  double watchdog_sec = 30;  ///< shortest time without progress that ends a rank; 0 = no watchdog
};

/// True when something that comes every `every_steps` outer steps comes after `step` of them. 0 or
/// less: it never comes.
inline bool IsDue(int64_t step, int64_t every_steps) {
  return every_steps > 0 && step % every_steps == 0;
}

}  // namespace hearth
