#pragma once

#include <cstdint>

#include "trainer/kernel/head_task.h"

namespace hearth {

/// The kernels of the fused engine on the calling thread, compiled for one set of vector
/// instructions. Real: float or double.
template <typename Real>
struct HostKernels {
  const char* name;  ///< "avx2", "portable"

  /// Elements of workspace for a task of these many rows; more rows never need less.
  int64_t (*workspace_size)(const HeadShape& shape, int64_t support, int64_t query);
  /// One task (head_gradient.h). `workspace`: aligned to 64 bytes.
  void (*run_head)(const HeadShape& shape, const HeadParameters<Real>& parameters,
                   const HeadTask<Real>& task, Real* workspace);
  /// c [m, n] += alpha a b; a [m, k], b [k, n]; n a multiple of HeadShape::kPad.
  void (*add_product)(Real* c, int64_t m, int64_t n, int64_t k, const Real* a, const Real* b,
                      Real alpha);
  /// c [m, n] += alpha a b'; a [m, k], b [n, k]; k a multiple of HeadShape::kPad.
  void (*add_product_transposed)(Real* c, int64_t m, int64_t n, int64_t k, const Real* a,
                                 const Real* b, Real alpha);
};

/// The best ones this CPU can run.
template <typename Real>
const HostKernels<Real>& BestHostKernels();

/// Those that every CPU can run, for tests.
template <typename Real>
const HostKernels<Real>& PortableHostKernels();

}  // namespace hearth
