#include "trainer/tensor/task_linear.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/baddbmm.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros.h>

namespace hearth {

TaskLinear::TaskLinear(ParameterLayout& layout, const std::string& name, int64_t in, int64_t out)
    : weight_(layout.Add({.name = name + ".weight",
                          .shape = {in, out},
                          .init = ParameterInit::kFanIn,
                          .linear_weight = true})),
      bias_(layout.Add({.name = name + ".bias", .shape = {out}, .decays = false})) {}

at::Tensor TaskLinear::Forward(const ParameterValues& values, const at::Tensor& x) const {
  const at::Tensor& weight = values[static_cast<size_t>(weight_)];
  const at::Tensor& bias = values[static_cast<size_t>(bias_)];
  const at::Tensor b = bias.dim() == 2 ? bias.unsqueeze(1) : bias;
  if (weight.dim() == 3) return at::baddbmm(b, x, weight);

  const at::Tensor flat = x.reshape({-1, x.size(2)});
  const std::vector<int64_t> shape = {x.size(0), x.size(1), weight.size(1)};
  at::Tensor y = bias.dim() == 1 ? at::addmm(bias, flat, weight).view(shape)
                                 : at::mm(flat, weight).view(shape) + b;
  const FactoredUpdate* update = values.factored(weight_);
  if (update == nullptr) return y;
  if (update->inputs.defined()) {
    y = at::baddbmm(y, at::bmm(x, update->inputs.transpose(1, 2)), update->deltas, 1, -1);
  }
  if (values.taps() != nullptr) {
    const at::Tensor tap = at::zeros(shape, y.options()).requires_grad_(true);
    values.taps()->push_back({.weight = weight_, .inputs = x, .tap = tap});
    y = y + tap;
  }
  return y;
}

}  // namespace hearth
