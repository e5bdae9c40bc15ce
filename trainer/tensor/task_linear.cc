#include "trainer/tensor/task_linear.h"

#include <ATen/ops/addmm.h>
#include <ATen/ops/baddbmm.h>

namespace hearth {

TaskLinear::TaskLinear(ParameterLayout& layout, const std::string& name, int64_t in, int64_t out)
    : weight_(layout.Add(
          {.name = name + ".weight", .shape = {in, out}, .init = ParameterInit::kFanIn})),
      bias_(layout.Add({.name = name + ".bias", .shape = {out}, .decays = false})) {}

at::Tensor TaskLinear::Forward(const ParameterValues& values, const at::Tensor& x) const {
  const at::Tensor& weight = values[static_cast<size_t>(weight_)];
  const at::Tensor& bias = values[static_cast<size_t>(bias_)];
  if (weight.dim() == 2 && bias.dim() == 1) {
    const at::Tensor y = at::addmm(bias, x.reshape({-1, x.size(2)}), weight);
    return y.view({x.size(0), x.size(1), weight.size(1)});
  }
  const at::Tensor w = weight.dim() == 3 ? weight : weight.expand({x.size(0), -1, -1});
  const at::Tensor b = bias.dim() == 2 ? bias.unsqueeze(1) : bias;
  return at::baddbmm(b, x, w);
}

}  // namespace hearth
