#pragma once

#include <cstdint>
#include <span>

#include "common/id_groups.h"
#include "trainer/table/row_step.h"

namespace hearth {

/// Functions on rows of an embedding table in host memory, for float and double. Each makes one
/// pass over the named rows and fetches rows ahead of their turn: the rows are scattered over a
/// table far larger than any cache.

/// Copies rows: out[i] = rows[ids[i]]. rows: [row, dim]; out: [ids, dim].
template <typename Real>
void GatherRows(const Real* rows, int64_t dim, std::span<const int64_t> ids, Real* out);

/// Takes one optimizer step on the rows `ids`, which are unique. gradient: [ids, dim]. Every row's
/// result is a function of its own state and gradient alone, to the last bit if ids ascend: other
/// orders take another path of the compiler, which may round some rows of 16 elements differently.
template <typename Real>
void StepRows(const TableMemory<Real>& table, std::span<const int64_t> ids, const Real* gradient,
              const RowStep& step);

/// Takes one optimizer step when ids repeat in a batch. gradient: [places, dim]. The gradients of
/// equal ids are added in the order of the list, in the same pass.
template <typename Real>
void StepRows(const TableMemory<Real>& table, const IdGroups& groups, const Real* gradient,
              const RowStep& step);

}  // namespace hearth
