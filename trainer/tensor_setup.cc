#include "trainer/tensor_setup.h"

#include <string>

#include <ATen/Context.h>

#include "common/error.h"

namespace hearth {

at::TensorOptions TensorOptionsFor(const TrainOptions& train, int local_rank) {
  const auto options = at::TensorOptions().dtype(
      train.precision == TrainOptions::Precision::kFloat64 ? at::kDouble : at::kFloat);
  if (train.device == TrainOptions::Device::kCpu) return options.device(at::kCPU);
  if (at::hasCUDA()) {
    const auto count = static_cast<int>(at::detail::getCUDAHooks().deviceCount());
    if (count > 0) {
      return options.device(
          at::Device(at::kCUDA, static_cast<at::DeviceIndex>(local_rank % count)));
    }
  }
  if (train.device == TrainOptions::Device::kCuda) {
    throw ConfigError(
        "train.device=cuda, but no CUDA device can be used here ({}); use train.device=auto or "
        "cpu, "
        "or run 'hearth doctor'",
        at::hasCUDA() ? "no device found" : "this is a CPU build, or there is no driver");
  }
  return options.device(at::kCPU);
}

std::string DeviceName(const at::TensorOptions& options) { return options.device().str(); }

}  // namespace hearth
