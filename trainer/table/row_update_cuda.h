#pragma once

#include <cstdint>

#include "trainer/table/row_step.h"

// The CUDA runtime declares it like this; its headers stay out of the room's other sources.
struct CUstream_st;

namespace hearth {

/// GatherRows and StepRows on a CUDA device. All pointers are device pointers of the current
/// device, including the pointers to ids and in `table`. The work is queued on `stream`, so nothing
/// is finished when a function returns. The functions return the runtime's description of an error
/// in the launch, else null. One group of lanes alone writes a row, so the results do not depend on
/// the schedule.
template <typename Real>
const char* LaunchGatherRows(const Real* rows, int64_t dim, const int64_t* ids, int64_t id_count,
                             Real* out, CUstream_st* stream);
template <typename Real>
const char* LaunchStepRows(const TableMemory<Real>& table, const int64_t* ids, int64_t id_count,
                           const Real* gradient, const RowStep& step, CUstream_st* stream);

/// IdGroups in device memory.
struct DeviceIdGroups {
  const int64_t* ids;     ///< [group]
  const int64_t* begins;  ///< [group + 1]
  const int64_t* places;  ///< [place]
  int64_t size;
};
/// StepRows with groups of repeated ids. sums: [groups, dim], overwritten.
template <typename Real>
const char* LaunchStepRows(const TableMemory<Real>& table, const DeviceIdGroups& groups,
                           const Real* gradient, const RowStep& step, Real* sums,
                           CUstream_st* stream);

}  // namespace hearth
