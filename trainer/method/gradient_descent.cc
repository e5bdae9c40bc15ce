#include "trainer/method/gradient_descent.h"

#include <cmath>
#include <map>

#include <ATen/TensorOperators.h>
#include <ATen/ops/exp.h>
#include <torch/csrc/autograd/autograd.h>

#include "trainer/method/task_loss.h"

namespace hearth {
namespace {

// How many operations of a factored pass are worth one of a pass with explicit weights, which also
// forms a gradient per task and moves both through memory. Measured: bench/README.md.
constexpr int64_t kFactorsWorth = 2;

}  // namespace

GradientDescent::GradientDescent(const MetaOptions& options, Recommender& model)
    : options_(options), model_(model) {
  const bool head_only =
      options.method == MetaOptions::Method::kAnil || options.adapt == MetaOptions::Adapt::kHead;
  adapted_ = head_only ? model.head() : model.adaptable();
  if (options.learn_inner_lr == MetaOptions::LearnInnerLr::kNo) return;
  std::vector<int64_t> shape = {static_cast<int64_t>(adapted_.size())};
  if (options.learn_inner_lr == MetaOptions::LearnInnerLr::kPerParameterAndStep) {
    shape.insert(shape.begin(), options.inner_steps);
  }
  log_rates_ = model.layout().Add({.name = kLogInnerRates,
                                   .shape = shape,
                                   .init = ParameterInit::kConstant,
                                   .init_value = std::log(options.inner_lr),
                                   .own_rate = true,
                                   .decays = false});
}

at::Tensor GradientDescent::Scaled(const ParameterValues& theta, int64_t step, size_t position,
                                   const at::Tensor& gradient) const {
  if (log_rates_ < 0) return gradient * options_.inner_lr;
  at::Tensor log_rates = theta[static_cast<size_t>(log_rates_)];
  if (log_rates.dim() == 2) log_rates = log_rates.select(0, step);
  return gradient * log_rates.select(0, static_cast<int64_t>(position)).exp();
}

bool GradientDescent::PrefersFactors(int64_t weight, int64_t rows) const {
  const ParameterSpec& spec = model_.layout().spec(weight);
  if (!spec.linear_weight) return false;
  if (options_.fast_weights != MetaOptions::FastWeights::kAuto) {
    return options_.fast_weights == MetaOptions::FastWeights::kFactored;
  }
  const int64_t in = spec.shape[0], out = spec.shape[1];
  return rows * (in + out) <= kFactorsWorth * in * out;
}

AdaptedTasks GradientDescent::Adapt(const ParameterValues& theta, const EncodedChunk& chunk,
                                    const RowBatch& support, bool differentiable) const {
  const bool second_order = differentiable && options_.method != MetaOptions::Method::kFomaml;
  const int64_t task_count = support.entity.size(0), rows = support.entity.size(1);
  AdaptedTasks adapted{.values = theta};
  ParameterValues& values = adapted.values;
  for (const int64_t p : adapted_) {
    if (PrefersFactors(p, rows)) {
      values.StartFactored(p);
    } else {
      values[static_cast<size_t>(p)] = ShareAcrossTasks(theta[static_cast<size_t>(p)], task_count);
    }
  }
  for (int64_t k = 0; k < options_.inner_steps; ++k) {
    for (const int64_t p : adapted_) {
      const FactoredUpdate* update = values.factored(p);
      if (update == nullptr || !update->inputs.defined()) continue;
      const int64_t rows_after = update->inputs.size(1) * (k + 1) / k;
      if (!PrefersFactors(p, rows_after)) values.MakeExplicit(p, task_count);
    }
    Step(theta, chunk, support, k, second_order, differentiable, values);
  }
  if (!differentiable) {
    for (const int64_t p : adapted_) {
      if (values.factored(p) != nullptr) values.MakeExplicit(p, task_count);
      at::Tensor& value = values[static_cast<size_t>(p)];
      value = value.detach();
    }
  }
  return adapted;
}

void GradientDescent::Step(const ParameterValues& theta, const EncodedChunk& chunk,
                           const RowBatch& support, int64_t step, bool second_order,
                           bool differentiable, ParameterValues& values) const {
  std::vector<at::Tensor> wanted;  // explicit fast weights, then taps
  std::vector<size_t> positions;   // of the explicit ones among the adapted
  std::map<int64_t, size_t> position_of;
  for (size_t i = 0; i < adapted_.size(); ++i) {
    const int64_t p = adapted_[i];
    position_of[p] = i;
    if (values.factored(p) != nullptr) continue;
    at::Tensor& value = values[static_cast<size_t>(p)];
    if (!differentiable) value = value.detach().requires_grad_(true);
    wanted.push_back(value);
    positions.push_back(i);
  }
  std::vector<LayerTap> taps;
  values.set_taps(&taps);
  // Tasks are independent, so the gradient of the sum of their losses is each task's own.
  const at::Tensor loss =
      SupportLosses(options_, model_, values, chunk.tasks, chunk.items, support).sum();
  values.set_taps(nullptr);
  for (const LayerTap& tap : taps) wanted.push_back(tap.tap);
  const std::vector<at::Tensor> gradients = torch::autograd::grad(
      {loss}, wanted, {}, /*retain_graph=*/second_order, /*create_graph=*/second_order,
      /*allow_unused=*/true);
  for (size_t i = 0; i < positions.size(); ++i) {
    if (!gradients[i].defined()) continue;
    at::Tensor& value = values[static_cast<size_t>(adapted_[positions[i]])];
    value = wanted[i] - Scaled(theta, step, positions[i], gradients[i]);
  }
  for (size_t t = 0; t < taps.size(); ++t) {
    const at::Tensor& gradient = gradients[positions.size() + t];
    if (!gradient.defined()) continue;
    const at::Tensor inputs = second_order ? taps[t].inputs : taps[t].inputs.detach();
    values.Subtract(taps[t].weight, inputs,
                    Scaled(theta, step, position_of[taps[t].weight], gradient));
  }
}

}  // namespace hearth
