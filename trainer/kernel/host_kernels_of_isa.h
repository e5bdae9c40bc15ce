#pragma once

#include "trainer/kernel/head_gradient.h"
#include "trainer/kernel/host_kernels.h"
#include "trainer/kernel/host_team.h"

namespace hearth::HEARTH_KERNEL_ISA {

/// The table of this compilation: include it after defining HEARTH_KERNEL_ISA.
template <typename Real>
HostKernels<Real> MakeHostKernels(const char* name) {
  return {.name = name,
          .workspace_size =
              [](const HeadShape& shape, int64_t support, int64_t query) {
                return HeadWorkspace<Real>::Size(shape, support, query);
              },
          .run_head =
              [](const HeadShape& shape, const HeadParameters<Real>& parameters,
                 const HeadTask<Real>& task, Real* workspace) {
                HeadGradient<Real, HostTeam<Real>>(shape, parameters, {}).Run(task, workspace);
              },
          .add_product = [](Real* c, int64_t m, int64_t n, int64_t k, const Real* a, const Real* b,
                            Real alpha) { AddProduct(c, m, n, k, a, k, 1, b, alpha); },
          .add_product_transposed =
              [](Real* c, int64_t m, int64_t n, int64_t k, const Real* a, const Real* b,
                 Real alpha) { AddProductTransposed(c, n, m, n, k, a, b, alpha); }};
}

}  // namespace hearth::HEARTH_KERNEL_ISA
