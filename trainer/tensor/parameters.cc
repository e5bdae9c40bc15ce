#include "trainer/tensor/parameters.h"

#include <algorithm>
#include <cmath>

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include "common/error.h"
#include "common/random.h"

namespace hearth {

at::Tensor InitializeParameters(const ParameterLayout& layout, uint64_t seed,
                                at::TensorOptions options) {
  at::Tensor flat = at::zeros({layout.size()}, at::TensorOptions().dtype(at::kDouble));
  auto* values = flat.mutable_data_ptr<double>();
  for (int64_t p = 0; p < layout.parameter_count(); ++p) {
    const ParameterSpec& spec = layout.spec(p);
    RandomStream random(seed, Purpose::kParameterInit, static_cast<uint64_t>(p));
    for (int64_t i = 0; i < spec.count; ++i) {
      double value = 0.0;
      if (spec.init == ParameterInit::kConstant) value = spec.init_value;
      if (spec.init == ParameterInit::kFanIn) {
        const double bound = 1.0 / std::sqrt(static_cast<double>(spec.shape[0]));
        value = bound * (2.0 * random.NextDouble() - 1.0);
      }
      values[spec.offset + i] = value;
    }
  }
  return flat.to(options);
}

ParameterValues ViewParameters(const ParameterLayout& layout, const at::Tensor& flat) {
  HEARTH_CHECK(flat.numel() == layout.size());
  std::vector<at::Tensor> values;
  for (const ParameterSpec& spec : layout.specs()) {
    values.push_back(flat.narrow(0, spec.offset, spec.count).view(spec.shape));
  }
  return ParameterValues(std::move(values));
}

ParameterValues MakeLeaves(const ParameterLayout& layout, const at::Tensor& flat) {
  std::vector<at::Tensor> leaves = ViewParameters(layout, flat.detach()).tensors();
  for (at::Tensor& leaf : leaves) leaf = leaf.detach().requires_grad_(true);
  return ParameterValues(std::move(leaves));
}

at::Tensor FlattenGradients(const ParameterLayout& layout, const std::vector<at::Tensor>& gradients,
                            at::TensorOptions options) {
  at::Tensor flat = at::zeros({layout.size()}, options);
  for (int64_t p = 0; p < layout.parameter_count(); ++p) {
    const at::Tensor& gradient = gradients[p];
    if (!gradient.defined()) continue;
    const ParameterSpec& spec = layout.spec(p);
    flat.narrow(0, spec.offset, spec.count).copy_(gradient.reshape({-1}));
  }
  return flat;
}

std::vector<double> ToDoubles(const at::Tensor& tensor) {
  const at::Tensor cpu = tensor.detach().to(at::kCPU, at::kDouble).contiguous();
  const auto* data = cpu.const_data_ptr<double>();
  return {data, data + cpu.numel()};
}

at::Tensor FromDoubles(const std::vector<double>& values, at::IntArrayRef shape,
                       at::TensorOptions options) {
  at::Tensor tensor = at::empty(shape, at::TensorOptions().dtype(at::kDouble));
  HEARTH_CHECK(tensor.numel() == std::ssize(values));
  std::ranges::copy(values, tensor.mutable_data_ptr<double>());
  return tensor.to(options);
}

at::Tensor FromIntegers(const std::vector<int64_t>& values, at::IntArrayRef shape,
                        at::Device device) {
  at::Tensor tensor = at::empty(shape, at::TensorOptions().dtype(at::kLong));
  HEARTH_CHECK(tensor.numel() == std::ssize(values));
  std::ranges::copy(values, tensor.mutable_data_ptr<int64_t>());
  return tensor.to(device);
}

}  // namespace hearth
