#pragma once

#include <cstdint>

#include "trainer/kernel/head_task.h"

namespace hearth {

/// The kernels of the fused engine on the calling thread. Real: float or double. Matrices are
/// row-major and contiguous.

/// Elements of workspace for a task of these many rows; more rows never need less.
template <typename Real>
int64_t HeadWorkspaceSize(const HeadShape& shape, int64_t support, int64_t query);

/// The meta-gradient of one task (head_gradient.h). `workspace`: aligned to 64 bytes.
template <typename Real>
void RunHead(const HeadShape& shape, const HeadParameters<Real>& parameters,
             const HeadTask<Real>& task, Real* workspace);

/// c [m, n] += a b; a [m, k] with rows a_row apart, b [k, n]; n a multiple of HeadShape::kPad.
template <typename Real>
void AddSmallProduct(Real* c, int64_t m, int64_t n, int64_t k, const Real* a, int64_t a_row,
                     const Real* b);

/// c [m, n] += a b'; a [m, k], b [n, k]; k a multiple of HeadShape::kPad.
template <typename Real>
void AddSmallProductTransposed(Real* c, int64_t m, int64_t n, int64_t k, const Real* a,
                               const Real* b);

}  // namespace hearth
