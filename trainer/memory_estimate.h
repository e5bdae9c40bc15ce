#pragma once

#include <cstdint>

#include "sampler/task_options.h"
#include "trainer/method/meta_learner.h"
#include "trainer/options.h"

namespace hearth {

/// The memory one rank needs above start-up, computed without running anything (--dry-run).
struct MemoryEstimate {
  int64_t parameters_bytes = 0;  ///< dense parameters, tables and optimizer state
  int64_t chunk_bytes = 0;       ///< autograd graph and fast weights of one chunk
  int64_t sums_bytes = 0;        ///< gradients of this rank's chunks waiting for the reduction

  int64_t total_bytes() const { return parameters_bytes + chunk_bytes + sums_bytes; }
};
MemoryEstimate EstimateMemory(const MetaLearner& learner, const TaskOptions& tasks,
                              OptimizerOptions::TableType table_type, int world_size);

}  // namespace hearth
