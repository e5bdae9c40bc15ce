#include "trainer/tensor/parameter_values.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/baddbmm.h>
#include <ATen/ops/cat.h>

#include "common/error.h"

namespace hearth {

const FactoredUpdate* ParameterValues::factored(int64_t weight) const {
  const auto it = factored_.find(weight);
  return it == factored_.end() ? nullptr : &it->second;
}

void ParameterValues::Subtract(int64_t weight, const at::Tensor& inputs, const at::Tensor& deltas) {
  FactoredUpdate& update = factored_.at(weight);
  if (update.inputs.defined()) {
    update = {at::cat({update.inputs, inputs}, 1), at::cat({update.deltas, deltas}, 1)};
  } else {
    update = {inputs, deltas};
  }
}

void ParameterValues::MakeExplicit(int64_t weight, int64_t task_count) {
  const FactoredUpdate update = factored_.at(weight);
  factored_.erase(weight);
  at::Tensor& value = tensors_[static_cast<size_t>(weight)];
  value = ShareAcrossTasks(value, task_count);
  if (!update.inputs.defined()) return;
  value = at::baddbmm(value, update.inputs.transpose(1, 2), update.deltas, 1, -1);
}

at::Tensor ShareAcrossTasks(const at::Tensor& value, int64_t task_count) {
  std::vector<int64_t> shape = value.sizes().vec();
  shape.insert(shape.begin(), task_count);
  return value.unsqueeze(0).expand(shape);
}

}  // namespace hearth
