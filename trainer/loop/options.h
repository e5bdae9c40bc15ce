#pragma once

#include <cstdint>
#include <string>

#include "cluster/communicator_kind.h"
#include "cluster/reduce_mode.h"
#include "cluster/wire.h"
#include "sampler/task_options.h"
#include "trainer/adapt/meta_options.h"
#include "trainer/evaluate/eval_options.h"
#include "trainer/gradient/engine_choice.h"
#include "trainer/optimize/optimizer_options.h"
#include "trainer/table/table_options.h"

namespace hearth {

/// Options of the training loop: config section `train`.
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
  /// Saves at the interval that loses the least time, computed from the cost of a save and
  /// mtbf_sec.
  static constexpr int64_t kAutoInterval = -1;
  enum class Async { kAuto, kNever };

  int64_t every_steps = kAutoInterval;  ///< 0 = only at the end
  double mtbf_sec = 86400;  ///< mean time between failures of the job, > 0; for kAutoInterval
  /// kAuto: a save runs beside training if its copy takes little of the free memory.
  Async async = Async::kAuto;
  int64_t max_failed_saves = 3;  ///< in a row before a run ends; 0: the first one ends it
  int64_t keep = 2;              ///< newest ones kept, >= 1; the best one is kept too
  int64_t max_deltas = 16;       ///< delta checkpoints between two whole ones; 0: all are whole
  /// auto (the newest valid one, or a new start), never, or a checkpoint's path.
  std::string resume = "auto";
  /// The next start is refused after this many starts in a row that brought no newer checkpoint; 0
  /// = never.
  int64_t max_fruitless_starts = 3;
};

/// Config section `dist`.
struct DistOptions {
  CommunicatorKind comm = CommunicatorKind::kAuto;
  ReduceMode reduce = ReduceMode::kExact;
  /// Tables of at most this size are kept whole on every rank; larger ones are sharded.
  int64_t replicate_bytes = 65536;
  Wire wire = Wire::kFull;
  /// Outer steps that a rank takes alone before the ranks average, >= 1; 1: no rank steps alone.
  int64_t local_steps = 1;
  /// Outer steps between comparisons of the replicas of all ranks (RequireEqualReplicas); 0: never.
  int64_t check_every = 100;
  double timeout_sec = 600;  ///< deadline of one collective
  double watchdog_sec = 30;  ///< shortest time without progress that ends a rank; 0 = no watchdog
};

/// The config sections that a training run reads.
struct TrainingSections : LearnerOptions {
  TaskOptions tasks;
  TableOptions tables;
  OptimizerOptions optim;
  TrainOptions train;
  EvalOptions eval;
  CheckpointOptions checkpoint;
  DistOptions dist;
};

/// True when an action of every `every_steps` outer steps is due after step number `step`. An
/// action with `every_steps` <= 0 is never due.
inline bool IsDue(int64_t step, int64_t every_steps) {
  return every_steps > 0 && step % every_steps == 0;
}

}  // namespace hearth
