#include "trainer/tensor/parameter_values.h"

#include <algorithm>

#include <ATen/TensorOperators.h>
#include <ATen/ops/baddbmm.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/cat.h>

namespace hearth {
namespace {

// Subtracts inputs' deltas of every task from `weight` [in, out] or [tasks, in, out].
at::Tensor SubtractProduct(const at::Tensor& weight, const at::Tensor& inputs,
                           const at::Tensor& deltas) {
  const at::Tensor batched = weight.dim() == 3 ? weight : weight.unsqueeze(0);
  return at::baddbmm(batched, inputs.transpose(1, 2), deltas, 1, -1);
}

}  // namespace

at::Tensor FactoredTerm::Gram(const LayerInputs& pass) const {
  if (!is_gram_form() || pass.id != id) return at::bmm(pass.x, inputs.transpose(1, 2));
  if (!own_gram.defined()) own_gram = at::bmm(pass.x, inputs.transpose(1, 2));
  return own_gram;
}

FactoredTerm JoinSteps(const std::vector<FactoredTerm>& terms) {
  std::vector<at::Tensor> inputs, deltas;
  for (const FactoredTerm& term : terms) {
    if (term.is_gram_form()) continue;
    inputs.push_back(term.inputs);
    deltas.push_back(term.deltas);
  }
  if (inputs.empty()) return {};
  if (inputs.size() == 1) return {.inputs = inputs[0], .deltas = deltas[0]};
  return {.inputs = at::cat(inputs, 1), .deltas = at::cat(deltas, 1)};
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

void ParameterValues::AddTerm(int64_t weight, FactoredTerm term) {
  factored_[weight].push_back(std::move(term));
}

void ParameterValues::Subtract(const LayerTap& tap, const at::Tensor& deltas, bool detach) {
  const at::Tensor& x = tap.inputs.x;
  const at::Tensor inputs = detach && x.requires_grad() ? x.detach() : x;
  const auto it = factored_.find(tap.weight);
  if (it == factored_.end()) {
    at::Tensor& value = tensors_[tap.weight];
    value = SubtractProduct(value, inputs, deltas);
    return;
  }
  std::vector<FactoredTerm>& terms = it->second;
  const int64_t id = tap.inputs.id;
  const auto same = std::ranges::find_if(
      terms, [&](const FactoredTerm& term) { return term.is_gram_form() && term.id == id; });
  if (same != terms.end()) {
    same->deltas = same->deltas + deltas;
  } else {
    terms.push_back({.inputs = inputs, .deltas = deltas, .id = id, .product = tap.product});
  }
}

void ParameterValues::MakeExplicit(int64_t weight) {
  const std::vector<FactoredTerm> terms = std::move(factored_.at(weight));
  factored_.erase(weight);
  at::Tensor& value = tensors_[weight];
  for (const FactoredTerm& term : terms) {
    if (term.is_gram_form()) value = SubtractProduct(value, term.inputs, term.deltas);
  }
  const FactoredTerm steps = JoinSteps(terms);
  if (steps.inputs.defined()) value = SubtractProduct(value, steps.inputs, steps.deltas);
}

std::vector<at::Tensor*> ParameterValues::Tensors() {
  std::vector<at::Tensor*> all;
  for (at::Tensor& tensor : tensors_) all.push_back(&tensor);
  for (auto& [weight, terms] : factored_) {
    for (FactoredTerm& term : terms) {
      all.insert(all.end(), {&term.inputs, &term.deltas, &term.product, &term.own_gram});
    }
  }
  return all;
}

at::Tensor ShareAcrossTasks(const at::Tensor& value, int64_t task_count) {
  std::vector<int64_t> shape = value.sizes().vec();
  shape.insert(shape.begin(), task_count);
  return value.unsqueeze(0).expand(shape);
}

}  // namespace hearth
