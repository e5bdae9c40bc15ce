#include "trainer/method/gradient_descent.h"

#include <algorithm>
#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/ops/exp.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/function.h>

#include "common/error.h"
#include "common/text.h"
#include "trainer/method/task_loss.h"

namespace hearth {
namespace {

// How many operations of a factored pass are worth one of a pass with explicit weights, which also
// forms a gradient per task and moves both through memory. Measured: bench/README.md.
constexpr int64_t kFactorsWorth = 2;

// Names of the operators that `loss` is made of, nearest first, each once.
std::vector<std::string> OperatorsOf(const at::Tensor& loss) {
  std::vector<std::string> names;
  std::vector<torch::autograd::Node*> nodes = {loss.grad_fn().get()};
  for (size_t i = 0; i < nodes.size(); ++i) {
    const std::string name = nodes[i]->name();
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
    for (const torch::autograd::Edge& edge : nodes[i]->next_edges()) {
      torch::autograd::Node* next = edge.function.get();
      if (next != nullptr && std::ranges::find(nodes, next) == nodes.end()) nodes.push_back(next);
    }
  }
  return names;
}

// An operator whose derivative has none of its own cuts the graph without a word: what is below it
// would get the gradient of first order.
void RequireGraph(const at::Tensor& gradient, const at::Tensor& loss, const std::string& layer) {
  if (gradient.requires_grad()) return;
  throw ConfigError(
      "the meta-gradient is of second order, but the inner gradient of '{}' cannot be "
      "differentiated: an operator between it and the loss has no second derivative (operators, "
      "from the loss down: {}); use meta.method=fomaml, or another operator in the model",
      layer, Join(OperatorsOf(loss), ", "));
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

at::Tensor GradientDescent::Scaled(const ParameterValues& values, int64_t step, size_t position,
                                   const at::Tensor& gradient) const {
  if (log_rates_ < 0) return gradient * options_.inner_lr;
  at::Tensor log_rates = values[static_cast<size_t>(log_rates_)];
  if (log_rates.dim() == 2) log_rates = log_rates.select(0, step);
  return gradient * log_rates.select(0, static_cast<int64_t>(position)).exp();
}

bool GradientDescent::PrefersFactors(int64_t weight, int64_t rows) const {
  const ParameterSpec& spec = model_.layout().spec(weight);
  if (!spec.linear || spec.shape.size() != 2) return false;
  if (options_.fast_weights != MetaOptions::FastWeights::kAuto) {
    return options_.fast_weights == MetaOptions::FastWeights::kFactored;
  }
  const int64_t in = spec.shape[0], out = spec.shape[1];
  return rows * (in + out) <= kFactorsWorth * in * out;
}

AdaptedTasks GradientDescent::Adapt(const ParameterValues& theta, const EncodedChunk& chunk,
                                    const RowBatch& support, bool differentiable) const {
  const bool second_order = differentiable && options_.method != MetaOptions::Method::kFomaml;
  InnerState state{.values = theta,
                   .inputs = MakeRowInputs(model_, chunk.tasks, chunk.items, support)};
  state.values.AddFixedInputs(state.inputs.rows);
  if (state.inputs.negatives.defined()) state.values.AddFixedInputs(state.inputs.negatives);
  for (const int64_t p : adapted_) {
    if (PrefersFactors(p, support.entity.size(1))) state.values.StartFactored(p);
  }
  for (int64_t k = 0; k < options_.inner_steps; ++k) {
    if (second_order && options_.recompute) {
      StepRecomputed(
          [this, support, k](InnerState& s, bool with_graph) { Step(support, k, with_graph, s); },
          state);
    } else {
      Step(support, k, second_order, state);
    }
  }
  if (!differentiable) Finish(support.entity.size(0), state.values);
  return {.values = std::move(state.values)};
}

void GradientDescent::Step(const RowBatch& support, int64_t step, bool second_order,
                           InnerState& state) const {
  ParameterValues& values = state.values;
  const int64_t task_count = support.entity.size(0);
  std::vector<size_t> position(values.size(), adapted_.size());  // among the adapted
  std::vector<at::Tensor> wanted;  // what is not linear, then the outputs of the taps
  std::vector<size_t> direct;      // positions of the former
  for (size_t i = 0; i < adapted_.size(); ++i) {
    const int64_t p = adapted_[i];
    position[static_cast<size_t>(p)] = i;
    if (model_.layout().spec(p).linear) continue;
    at::Tensor& value = values[static_cast<size_t>(p)];
    if (step == 0) value = ShareAcrossTasks(value, task_count);
    if (!value.requires_grad()) value.requires_grad_(true);
    wanted.push_back(value);
    direct.push_back(i);
  }
  std::vector<LayerTap> taps;
  values.set_taps(&taps);
  // Tasks are independent, so the gradient of the sum of their losses is each task's own.
  const at::Tensor loss = SupportLosses(options_, model_, values, state.inputs, support).sum();
  values.set_taps(nullptr);
  std::erase_if(taps, [&](const LayerTap& tap) {
    return position[static_cast<size_t>(tap.weight)] == adapted_.size() &&
           position[static_cast<size_t>(tap.bias)] == adapted_.size();
  });
  for (const LayerTap& tap : taps) wanted.push_back(tap.outputs);
  const std::vector<at::Tensor> gradients = torch::autograd::grad(
      {loss}, wanted, {}, /*retain_graph=*/second_order, /*create_graph=*/second_order,
      /*allow_unused=*/true);
  for (size_t i = 0; i < direct.size(); ++i) {
    if (!gradients[i].defined()) continue;
    at::Tensor& value = values[static_cast<size_t>(adapted_[direct[i]])];
    value = value - Scaled(values, step, direct[i], gradients[i]);
  }
  for (size_t t = 0; t < taps.size(); ++t) {
    const at::Tensor& gradient = gradients[direct.size() + t];
    if (!gradient.defined()) continue;
    if (second_order) RequireGraph(gradient, loss, model_.layout().spec(taps[t].weight).name);
    const size_t of_weight = position[static_cast<size_t>(taps[t].weight)];
    const size_t of_bias = position[static_cast<size_t>(taps[t].bias)];
    if (of_weight < adapted_.size()) {
      values.Subtract(taps[t], Scaled(values, step, of_weight, gradient), !second_order);
    }
    if (of_bias < adapted_.size()) {
      at::Tensor& bias = values[static_cast<size_t>(taps[t].bias)];
      bias = bias - Scaled(values, step, of_bias, gradient.sum(1));
    }
  }
  for (const int64_t p : adapted_) {
    if (values.factored(p) == nullptr) continue;
    if (!PrefersFactors(p, values.FactoredRows(p))) values.MakeExplicit(p);
  }
}

void GradientDescent::Finish(int64_t task_count, ParameterValues& values) const {
  for (const int64_t p : adapted_) {
    if (values.factored(p) != nullptr) values.MakeExplicit(p);
    at::Tensor& value = values[static_cast<size_t>(p)];
    const bool is_shared = value.dim() == std::ssize(model_.layout().spec(p).shape);
    value = (is_shared ? ShareAcrossTasks(value, task_count) : value).detach();
  }
}

}  // namespace hearth
