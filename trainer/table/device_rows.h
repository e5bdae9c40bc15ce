#pragma once

#include <cstdint>
#include <span>

#include <c10/core/Device.h>

#include "common/id_groups.h"
#include "trainer/table/row_step.h"

namespace hearth {

/// GatherRows and StepRows for tables in the memory of a CUDA device. Ids lie in host memory; all
/// other pointers are device pointers. The work is queued on LibTorch's current stream of that
/// device. The caller may free ids and groups when the call returns. A CPU build has no such
/// tables: a call is a bug there and ends the process.
template <typename Real>
void GatherRowsOnDevice(const Real* rows, int64_t dim, std::span<const int64_t> ids, Real* out,
                        c10::Device device);
template <typename Real>
void StepRowsOnDevice(const TableMemory<Real>& table, std::span<const int64_t> ids,
                      const Real* gradient, const RowStep& step, c10::Device device);
template <typename Real>
void StepRowsOnDevice(const TableMemory<Real>& table, const IdGroups& groups, const Real* gradient,
                      const RowStep& step, c10::Device device);

}  // namespace hearth
