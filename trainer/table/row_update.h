#pragma once

#include <cstdint>
#include <span>

#include "common/id_groups.h"
#include "trainer/table/row_step.h"

namespace hearth {

/// Rows of an embedding table in host memory: one pass over the rows named, fetched ahead of their
/// turn, since each lies somewhere else in a table far larger than any cache. For float and double.

/// out[i] = rows[ids[i]]; rows [row, dim], out [ids, dim].
template <typename Real>
void GatherRows(const Real* rows, int64_t dim, std::span<const int64_t> ids, Real* out);

/// One optimizer step on the rows `ids`, unique; gradient [ids, dim]. Every row's result is a
/// function of its own state and gradient alone.
template <typename Real>
void StepRows(const TableMemory<Real>& table, std::span<const int64_t> ids, const Real* gradient,
              const RowStep& step);

/// The same from the gradients of a batch in which ids repeat, [places, dim]: those of equal ids
/// are added in the order of the list, in the same pass.
template <typename Real>
void StepRows(const TableMemory<Real>& table, const IdGroups& groups, const Real* gradient,
              const RowStep& step);

}  // namespace hearth
