#pragma once

#include <cstdint>

#include "storage/shard/dataset.h"
#include "trainer/loop/trainer.h"

namespace hearth {

/// The memory one rank needs above start-up (--dry-run). The gradients of a few tasks of the data
/// are computed, their largest ones, and what tensors held meanwhile is scaled up to a chunk; the
/// rest is counted. Of the processor's memory also where training takes place on a GPU.
struct MemoryEstimate {
  int64_t parameters_bytes = 0;  ///< dense parameters, tables and optimizer state
  int64_t chunk_bytes = 0;       ///< the largest chunk, times the chunks computed at the same time
  int64_t sums_bytes = 0;        ///< gradients of this rank's chunks waiting for the reduction

  int64_t total_bytes() const { return parameters_bytes + chunk_bytes + sums_bytes; }
};

/// `learner`, `data`: of the options and the data set, on the CPU. `threads`: chunks that a rank
/// computes at the same time. Throws ConfigError when less memory is free than the parameters take.
MemoryEstimate EstimateMemory(const TrainerOptions& options, const Dataset& dataset,
                              const Learner& learner, const DataBinding& data, int world_size,
                              int threads);

}  // namespace hearth
