// The object file differs between the CPU and the CUDA flavour; few other files have this property
// (docs/architecture.md).
#include "trainer/table/device_rows.h"

#include "common/error.h"

#ifdef HEARTH_WITH_CUDA
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include "trainer/table/row_update_cuda.h"
#include "trainer/tensor/cuda_error.h"
#endif

namespace hearth {

#ifdef HEARTH_WITH_CUDA

namespace {

// Copies ids to the device. The memory comes from the caching allocator. The allocator gives it to
// no other stream before this stream has finished the kernels queued so far.
at::Tensor Upload(std::span<const int64_t> ids, c10::Device device) {
  return at::from_blob(const_cast<int64_t*>(ids.data()), {std::ssize(ids)},
                       at::TensorOptions().dtype(at::kLong))
      .to(device, at::kLong);
}

}  // namespace

template <typename Real>
void GatherRowsOnDevice(const Real* rows, int64_t dim, std::span<const int64_t> ids, Real* out,
                        c10::Device device) {
  const c10::cuda::CUDAGuard guard(device);
  const at::Tensor on_device = Upload(ids, device);
  RequireNoCudaError(LaunchGatherRows(rows, dim, on_device.const_data_ptr<int64_t>(),
                                      std::ssize(ids), out,
                                      c10::cuda::getCurrentCUDAStream().stream()));
}

template <typename Real>
void StepRowsOnDevice(const TableMemory<Real>& table, std::span<const int64_t> ids,
                      const Real* gradient, const RowStep& step, c10::Device device) {
  const c10::cuda::CUDAGuard guard(device);
  const at::Tensor on_device = Upload(ids, device);
  RequireNoCudaError(LaunchStepRows(table, on_device.const_data_ptr<int64_t>(), std::ssize(ids),
                                    gradient, step, c10::cuda::getCurrentCUDAStream().stream()));
}

template <typename Real>
void StepRowsOnDevice(const TableMemory<Real>& table, const IdGroups& groups, const Real* gradient,
                      const RowStep& step, c10::Device device) {
  const c10::cuda::CUDAGuard guard(device);
  const at::Tensor ids = Upload(groups.ids(), device), begins = Upload(groups.begins(), device),
                   places = Upload(groups.places(), device);
  const at::Tensor sums =
      at::empty({groups.size(), table.dim}, at::TensorOptions().dtype<Real>().device(device));
  const DeviceIdGroups on_device = {ids.const_data_ptr<int64_t>(), begins.const_data_ptr<int64_t>(),
                                    places.const_data_ptr<int64_t>(), groups.size()};
  RequireNoCudaError(LaunchStepRows(table, on_device, gradient, step,
                                    sums.template mutable_data_ptr<Real>(),
                                    c10::cuda::getCurrentCUDAStream().stream()));
}

#else

template <typename Real>
void GatherRowsOnDevice(const Real*, int64_t, std::span<const int64_t>, Real*, c10::Device) {
  HEARTH_CHECK(false, "a table on a CUDA device in the CPU flavour");
}

template <typename Real>
void StepRowsOnDevice(const TableMemory<Real>&, std::span<const int64_t>, const Real*,
                      const RowStep&, c10::Device) {
  HEARTH_CHECK(false, "a table on a CUDA device in the CPU flavour");
}

template <typename Real>
void StepRowsOnDevice(const TableMemory<Real>&, const IdGroups&, const Real*, const RowStep&,
                      c10::Device) {
  HEARTH_CHECK(false, "a table on a CUDA device in the CPU flavour");
}

#endif

template void GatherRowsOnDevice(const float*, int64_t, std::span<const int64_t>, float*,
                                 c10::Device);
template void GatherRowsOnDevice(const double*, int64_t, std::span<const int64_t>, double*,
                                 c10::Device);
template void StepRowsOnDevice(const TableMemory<float>&, std::span<const int64_t>, const float*,
                               const RowStep&, c10::Device);
template void StepRowsOnDevice(const TableMemory<double>&, std::span<const int64_t>, const double*,
                               const RowStep&, c10::Device);
template void StepRowsOnDevice(const TableMemory<float>&, const IdGroups&, const float*,
                               const RowStep&, c10::Device);
template void StepRowsOnDevice(const TableMemory<double>&, const IdGroups&, const double*,
                               const RowStep&, c10::Device);

}  // namespace hearth
