#include "trainer/kernel/host_kernels.h"

#include "trainer/kernel/host_kernels_of_isa.h"

namespace hearth {

template <typename Real>
HostKernels<Real> Avx2HostKernels();  // host_kernels_avx2.cc

template <typename Real>
const HostKernels<Real>& PortableHostKernels() {
  static const HostKernels<Real> kernels = portable::MakeHostKernels<Real>("portable");
  return kernels;
}

template <typename Real>
const HostKernels<Real>& BestHostKernels() {
#ifdef HEARTH_HAS_AVX2_KERNELS
  static const HostKernels<Real> avx2 = Avx2HostKernels<Real>();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return avx2;
#endif
  return PortableHostKernels<Real>();
}

template const HostKernels<float>& PortableHostKernels();
template const HostKernels<double>& PortableHostKernels();
template const HostKernels<float>& BestHostKernels();
template const HostKernels<double>& BestHostKernels();

}  // namespace hearth
