#pragma once

#include "bench/engine/workload.h"

namespace hearth {

/// The meta-gradient by LibTorch autograd on plain tensors, in the precision of `tasks`.

/// One task after the other, a graph each: the pattern of public meta-learning code.
MetaGradient LoopGradient(const PlainTasks& tasks, const WorkloadOptions& options);

/// Tasks side by side: fast weights [tasks, in, out] and batched products, the first inner step
/// with the shared weights as one product per layer; `chunk_tasks` tasks at a time, so that the
/// fast weights stay in the cache. The best form we know that uses nothing but LibTorch.
MetaGradient BatchedGradient(const PlainTasks& tasks, const WorkloadOptions& options,
                             int64_t chunk_tasks);

}  // namespace hearth
