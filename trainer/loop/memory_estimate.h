#pragma once

#include <cstdint>

#include "storage/shard/dataset.h"
#include "trainer/loop/trainer.h"

namespace hearth {

/// The memory that one rank needs beyond start-up (--dry-run). The memory of a chunk is measured:
/// the gradients of a few tasks of the data, the largest ones, are computed, and the memory of
/// their tensors is scaled up to a chunk. The rest is counted. All figures are about the
/// processor's memory, also when training takes place on a GPU.
struct MemoryEstimate {
  int64_t parameters_bytes = 0;  ///< dense parameters, tables and optimizer state
  int64_t chunk_bytes = 0;       ///< the largest chunk, times the chunks computed at the same time
  int64_t sums_bytes = 0;        ///< gradients of this rank's chunks waiting for the reduction

  int64_t total_bytes() const { return parameters_bytes + chunk_bytes + sums_bytes; }
};

/// `learner`, `data`: made from the options and the data set, on the CPU. `threads`: chunks that a
/// rank computes at the same time. Throws ConfigError when less memory is free than the parameters
/// take.
MemoryEstimate EstimateMemory(const TrainerOptions& options, const Dataset& dataset,
                              const Learner& learner, const DataBinding& data, int world_size,
                              int threads);

}  // namespace hearth
