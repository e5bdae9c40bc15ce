#pragma once

#include <cstdint>

#include "trainer/gradient/head_chunk.h"

// As the CUDA runtime declares it; the headers of CUDA stay out of the room's other sources.
struct CUstream_st;

namespace hearth {

/// The kernels of the fused engine on a CUDA device. All pointers are device pointers of the
/// current device; work is queued on `stream`, so nothing is finished when a launch returns. All
/// return the runtime's description of an error, else null. No result depends on the schedule.

/// How many blocks work on a chunk, and the memory they need. A block takes one task at a time.
struct HeadPlan {
  int64_t blocks = 0;
  int64_t scratch_size = 0;  ///< elements of each block, in device memory
  int64_t tangent_size = 0;  ///< elements of each block; part of the scratch, or shared memory
  int64_t shared_bytes = 0;  ///< of dynamic shared memory
};

/// For tasks of at most these many rows.
template <typename Real>
const char* PlanHeadTasks(const HeadShape& shape, int64_t item_width, int64_t task_count,
                          int64_t support, int64_t query, HeadPlan* plan);

/// The tasks of a chunk (HeadChunkTask).
/// order: [tasks] in which they are taken, the longest first so that none is left over at the end.
/// scratch: [blocks, scratch_size], aligned to 64 bytes; next: [1], zero.
template <typename Real>
const char* LaunchHeadTasks(const HeadPlan& plan, const HeadShape& shape,
                            const HeadParameters<Real>& parameters,
                            const HeadChunkMemory<Real>& chunk, int64_t task_count,
                            const int64_t* order, Real* scratch, int* next, CUstream_st* stream);

/// sums [width] = sum over rows of `rows` [row_count, width], in double.
template <typename Real>
const char* LaunchSumRows(const Real* rows, int64_t row_count, int64_t width, double* sums,
                          CUstream_st* stream);

/// sums [groups, width]: of group g the rows places[begins[g]] to places[begins[g + 1] - 1], added
/// in that order; rows lie row_size apart.
template <typename Real>
const char* LaunchSumGroups(const Real* rows, int64_t row_size, int64_t width,
                            const int64_t* begins, const int64_t* places, int64_t groups,
                            Real* sums, CUstream_st* stream);

}  // namespace hearth
