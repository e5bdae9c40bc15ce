// Compiled with AVX2 and FMA where the compiler knows them (CMakeLists.txt).
#ifdef __AVX2__
#define HEARTH_KERNEL_ISA avx2
#include "trainer/kernel/host_kernels_of_isa.h"

namespace hearth {

template <typename Real>
HostKernels<Real> Avx2HostKernels() {
  return avx2::MakeHostKernels<Real>("avx2");
}
template HostKernels<float> Avx2HostKernels();
template HostKernels<double> Avx2HostKernels();

}  // namespace hearth
#endif
