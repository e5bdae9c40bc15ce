#include "trainer/tensor/parameter_values.h"

#include <algorithm>

#include <ATen/TensorOperators.h>
#include <ATen/ops/baddbmm.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/cat.h>

namespace hearth {
namespace {

// weight [in, out], or [tasks, in, out], minus inputs' deltas of every task.
at::Tensor SubtractProduct(const at::Tensor& weight, const at::Tensor& inputs,
                           const at::Tensor& deltas) {
  const at::Tensor batched = weight.dim() == 3 ? weight : weight.unsqueeze(0);
  return at::baddbmm(batched, inputs.transpose(1, 2), deltas, 1, -1);
}

}  // namespace

at::Tensor FactoredTerm::Gram(const at::Tensor& x) const {
  if (!fixed.is_same(x)) return at::bmm(x, inputs.transpose(1, 2));
  if (!own_gram.defined()) own_gram = at::bmm(x, inputs.transpose(1, 2));
  return own_gram;
}

const std::vector<FactoredTerm>* ParameterValues::factored(int64_t weight) const {
  const auto it = factored_.find(weight);
  return it == factored_.end() ? nullptr : &it->second;
}

int64_t ParameterValues::FactoredRows(int64_t weight) const {
  int64_t rows = 0;
  for (const FactoredTerm& term : factored_.at(weight)) rows += term.inputs.size(1);
  return rows;
}

void ParameterValues::Subtract(const LayerTap& tap, const at::Tensor& deltas, bool detach) {
  const at::Tensor inputs = detach ? tap.inputs.detach() : tap.inputs;
  const auto it = factored_.find(tap.weight);
  if (it == factored_.end()) {
    at::Tensor& value = tensors_[static_cast<size_t>(tap.weight)];
    value = SubtractProduct(value, inputs, deltas);
    return;
  }
  std::vector<FactoredTerm>& terms = it->second;
  const bool is_fixed = IsFixed(tap.inputs);
  const auto place = std::find_if(terms.begin(), terms.end(), [&](const FactoredTerm& term) {
    return is_fixed ? term.fixed.is_same(tap.inputs) : !term.fixed.defined();
  });
  if (place == terms.end()) {
    terms.push_back(
        {.inputs = inputs, .deltas = deltas, .fixed = {}, .product = {}, .own_gram = {}});
    if (is_fixed) {
      terms.back().fixed = tap.inputs;
      terms.back().product = tap.product;
    }
  } else if (is_fixed) {
    place->deltas = place->deltas + deltas;
  } else {
    place->inputs = at::cat({place->inputs, inputs}, 1);
    place->deltas = at::cat({place->deltas, deltas}, 1);
  }
}

void ParameterValues::MakeExplicit(int64_t weight) {
  const std::vector<FactoredTerm> terms = std::move(factored_.at(weight));
  factored_.erase(weight);
  at::Tensor& value = tensors_[static_cast<size_t>(weight)];
  for (const FactoredTerm& term : terms) value = SubtractProduct(value, term.inputs, term.deltas);
}

bool ParameterValues::IsFixed(const at::Tensor& inputs) const {
  return std::any_of(fixed_inputs_.begin(), fixed_inputs_.end(),
                     [&](const at::Tensor& fixed) { return fixed.is_same(inputs); });
}

at::Tensor ShareAcrossTasks(const at::Tensor& value, int64_t task_count) {
  std::vector<int64_t> shape = value.sizes().vec();
  shape.insert(shape.begin(), task_count);
  return value.unsqueeze(0).expand(shape);
}

}  // namespace hearth
