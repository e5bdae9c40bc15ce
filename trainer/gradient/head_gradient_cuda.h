#pragma once

#include <cstdint>

#include "trainer/gradient/head_chunk.h"

// Declared here like in the CUDA runtime: the room's other sources do not see the headers of CUDA.
struct CUstream_st;

namespace hearth {

/// The kernels of the fused engine on a CUDA device. All pointers are device pointers of the
/// current device. The work is queued on `stream`, so nothing is finished when a launch returns.
/// All functions return the runtime's description of an error, else null. No result depends on the
/// schedule.

/// The number of blocks for a chunk, and their memory. A block takes one task at a time.
struct HeadPlan {
  int64_t blocks = 0;
  int64_t scratch_size = 0;  ///< elements for each block, in device memory
  int64_t tangent_size = 0;  ///< elements for each block; inside the scratch, or in shared memory
  int64_t shared_bytes = 0;  ///< dynamic shared memory of a block; 0: the tangent is in the scratch
};

/// Fills in *plan for tasks of at most `support` and `query` rows.
template <typename Real>
const char* PlanHeadTasks(const HeadShape& shape, int64_t item_width, int64_t task_count,
                          int64_t support, int64_t query, HeadPlan* plan);

/// Runs the tasks of a chunk (HeadChunkTask).
/// order: [tasks] in the order to take them. The longest come first, so that no long task is left
/// over at the end.
/// scratch: [blocks, scratch_size], aligned to 64 bytes; next: [1], zero.
template <typename Real>
const char* LaunchHeadTasks(const HeadPlan& plan, const HeadShape& shape,
                            const HeadParameters<Real>& parameters,
                            const HeadChunkMemory<Real>& chunk, int64_t task_count,
                            const int64_t* order, Real* scratch, int* next, CUstream_st* stream);

/// sums [width] = sum over the rows of `rows` [row_count, width], added in double.
template <typename Real>
const char* LaunchSumRows(const Real* rows, int64_t row_count, int64_t width, double* sums,
                          CUstream_st* stream);

/// Makes sums [groups, width]. The sum of group g adds the rows places[begins[g]] to
/// places[begins[g + 1] - 1], in that order. Rows lie row_size elements apart.
template <typename Real>
const char* LaunchSumGroups(const Real* rows, int64_t row_size, int64_t width,
                            const int64_t* begins, const int64_t* places, int64_t groups,
                            Real* sums, CUstream_st* stream);

}  // namespace hearth
