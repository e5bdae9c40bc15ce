// Compiled with -O3 (CMakeLists.txt).
#include "trainer/kernel/host_kernels.h"

#include "trainer/kernel/head_gradient.h"
#include "trainer/kernel/host_team.h"

namespace hearth {

template <typename Real>
int64_t HeadWorkspaceSize(const HeadShape& shape, int64_t support, int64_t query) {
  return HeadWorkspace<Real>::PassesSize(shape, support, query) +
         HeadWorkspace<Real>::TangentSize(shape, support, query);
}

template <typename Real>
void RunHead(const HeadShape& shape, const HeadParameters<Real>& parameters,
             const HeadTask<Real>& task, Real* workspace) {
  Real* tangent = workspace + HeadWorkspace<Real>::PassesSize(shape, task.support, task.query);
  HeadGradient<Real, HostTeam<Real>>(shape, parameters, {}).Run(task, workspace, tangent);
}

template <typename Real>
void AddSmallProduct(Real* c, int64_t m, int64_t n, int64_t k, const Real* a, int64_t a_row,
                     const Real* b) {
  AddProduct(c, m, n, k, a, a_row, 1, b, Real(1));
}

template <typename Real>
void AddSmallProductTransposed(Real* c, int64_t m, int64_t n, int64_t k, const Real* a,
                               const Real* b) {
  AddProductTransposed(c, n, m, n, k, a, b, Real(1));
}

template int64_t HeadWorkspaceSize<float>(const HeadShape&, int64_t, int64_t);
template int64_t HeadWorkspaceSize<double>(const HeadShape&, int64_t, int64_t);
template void RunHead(const HeadShape&, const HeadParameters<float>&, const HeadTask<float>&,
                      float*);
template void RunHead(const HeadShape&, const HeadParameters<double>&, const HeadTask<double>&,
                      double*);
template void AddSmallProduct(float*, int64_t, int64_t, int64_t, const float*, int64_t,
                              const float*);
template void AddSmallProduct(double*, int64_t, int64_t, int64_t, const double*, int64_t,
                              const double*);
template void AddSmallProductTransposed(float*, int64_t, int64_t, int64_t, const float*,
                                        const float*);
template void AddSmallProductTransposed(double*, int64_t, int64_t, int64_t, const double*,
                                        const double*);

}  // namespace hearth
