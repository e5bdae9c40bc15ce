#include "trainer/method/gradient_descent.h"

#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/ops/exp.h>
#include <torch/csrc/autograd/autograd.h>

#include "trainer/method/task_loss.h"

namespace hearth {
namespace {

// [shape...] -> [tasks, shape...] without a copy.
at::Tensor ShareAcrossTasks(const at::Tensor& value, int64_t task_count) {
  std::vector<int64_t> shape = value.sizes().vec();
  shape.insert(shape.begin(), task_count);
  return value.unsqueeze(0).expand(shape);
}

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

at::Tensor GradientDescent::Step(const ParameterValues& theta, int64_t step, size_t position,
                                 const at::Tensor& value, const at::Tensor& gradient) const {
  if (log_rates_ < 0) return value - gradient * options_.inner_lr;
  at::Tensor log_rates = theta[static_cast<size_t>(log_rates_)];
  if (log_rates.dim() == 2) log_rates = log_rates.select(0, step);
  return value - gradient * log_rates.select(0, static_cast<int64_t>(position)).exp();
}

AdaptedTasks GradientDescent::Adapt(const ParameterValues& theta, const EncodedChunk& chunk,
                                    const RowBatch& support, bool differentiable) const {
  const bool second_order = differentiable && options_.method != MetaOptions::Method::kFomaml;
  const int64_t task_count = support.entity.size(0);
  AdaptedTasks adapted{.values = theta};
  for (const int64_t p : adapted_) {
    at::Tensor& value = adapted.values[static_cast<size_t>(p)];
    value = ShareAcrossTasks(value, task_count);
  }
  for (int64_t k = 0; k < options_.inner_steps; ++k) {
    std::vector<at::Tensor> fast;
    for (const int64_t p : adapted_) {
      at::Tensor& value = adapted.values[static_cast<size_t>(p)];
      if (!differentiable) value = value.detach().requires_grad_(true);
      fast.push_back(value);
    }
    // Tasks are independent, so the gradient of the sum of their losses is each task's own.
    const at::Tensor loss =
        SupportLosses(options_, model_, adapted.values, chunk.tasks, chunk.items, support).sum();
    const std::vector<at::Tensor> gradients = torch::autograd::grad(
        {loss}, fast, {}, /*retain_graph=*/second_order, /*create_graph=*/second_order,
        /*allow_unused=*/true);
    for (size_t i = 0; i < adapted_.size(); ++i) {
      if (!gradients[i].defined()) continue;
      at::Tensor& value = adapted.values[static_cast<size_t>(adapted_[i])];
      value = Step(theta, k, i, fast[i], gradients[i]);
    }
  }
  if (!differentiable) {
    for (at::Tensor& value : adapted.values) value = value.detach();
  }
  return adapted;
}

}  // namespace hearth
