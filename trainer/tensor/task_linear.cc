#include "trainer/tensor/task_linear.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/baddbmm.h>
#include <ATen/ops/mm.h>

namespace hearth {
namespace {

// The product of the inputs and the shared weight, if an earlier step formed it; else undefined.
at::Tensor KnownProduct(const std::vector<FactoredTerm>& terms, const LayerInputs& inputs) {
  for (const FactoredTerm& term : terms) {
    if (term.is_gram_form() && term.id == inputs.id) return term.product;
  }
  return {};
}

}  // namespace

TaskLinear::TaskLinear(ParameterLayout& layout, const std::string& name, int64_t in, int64_t out)
    : weight_(layout.Add({.name = name + ".weight",
                          .shape = {in, out},
                          .init = ParameterInit::kFanIn,
                          .linear = true})),
      bias_(layout.Add({.name = name + ".bias", .shape = {out}, .linear = true, .decays = false})) {
}

at::Tensor TaskLinear::Forward(const ParameterValues& values, const LayerInputs& inputs,
                               std::vector<LayerTap>* taps) const {
  at::Tensor product;
  at::Tensor y = Apply(values, inputs, &product);
  if (taps != nullptr) {
    if (!y.requires_grad()) y.requires_grad_(true);
    taps->push_back(
        {.weight = weight_, .bias = bias_, .inputs = inputs, .outputs = y, .product = product});
  }
  return y;
}

at::Tensor TaskLinear::Apply(const ParameterValues& values, const LayerInputs& inputs,
                             at::Tensor* product) const {
  const at::Tensor& x = inputs.x;
  const at::Tensor& weight = values[weight_];
  const at::Tensor& bias = values[bias_];
  const at::Tensor b = bias.dim() == 2 ? bias.unsqueeze(1) : bias;
  if (weight.dim() == 3) return at::baddbmm(b, x, weight);

  const std::vector<FactoredTerm>* terms = values.factored(weight_);
  const std::vector<int64_t> shape = {x.size(0), x.size(1), weight.size(1)};
  const bool keeps_product = terms != nullptr && inputs.id != LayerInputs::kVarying;
  const bool is_shared = terms == nullptr || (terms->empty() && !keeps_product);
  if (is_shared && bias.dim() == 1) {
    return at::addmm(bias, x.reshape({-1, x.size(2)}), weight).view(shape);
  }
  if (terms != nullptr) *product = KnownProduct(*terms, inputs);
  if (!product->defined()) *product = at::mm(x.reshape({-1, x.size(2)}), weight).view(shape);
  at::Tensor y = *product + b;
  if (terms == nullptr) return y;
  for (const FactoredTerm& term : *terms) {
    if (term.is_gram_form()) y = at::baddbmm(y, term.Gram(inputs), term.deltas, 1, -1);
  }
  const FactoredTerm steps = JoinSteps(*terms);
  if (steps.inputs.defined()) y = at::baddbmm(y, steps.Gram(inputs), steps.deltas, 1, -1);
  return y;
}

}  // namespace hearth
