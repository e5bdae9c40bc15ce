#include "trainer/adapt/gradient_descent.h"

#include <algorithm>

#include <ATen/TensorOperators.h>
#include <ATen/ops/bmm.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/function.h>

#include "common/error.h"
#include "common/text.h"
#include "trainer/model/field_encoder.h"

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
  if (!gradient.defined() || gradient.requires_grad()) return;
  throw ConfigError(
      "the meta-gradient is of second order, but the inner gradient of '{}' cannot be "
      "differentiated: an operator between it and the loss has no second derivative (operators, "
      "from the loss down: {}); use meta.method=fomaml, or another operator in the model",
      layer, Join(OperatorsOf(loss), ", "));
}

bool IsHeadOnly(const MetaOptions& options) {
  return options.method == MetaOptions::Method::kAnil || options.adapt == MetaOptions::Adapt::kHead;
}

}  // namespace

GradientDescent::GradientDescent(const MetaOptions& options, Recommender& model)
    : options_(options),
      model_(model),
      scored_(IsHeadOnly(options) ? model.head() : model.adaptable()),
      adapted_(scored_),
      adapts_rows_(!IsHeadOnly(options) && options.adapt == MetaOptions::Adapt::kAll) {
  if (adapts_rows_) {
    const EntityEncoders encoders = model.encoders();
    HEARTH_CHECK(encoders.tasks != nullptr && encoders.items != nullptr);
    for (const FieldEncoder* encoder : {encoders.tasks, encoders.items}) {
      for (const FieldEncoder::Source& source : encoder->fields()) {
        if (source.projection >= 0) adapted_.push_back(source.projection);
      }
    }
  }
  InnerRates::Declare(options, adapted_, adapts_rows_, model);
  rates_.emplace(options, adapted_, adapts_rows_, model);
}

bool GradientDescent::PrefersFactors(int64_t weight, int64_t rows) const {
  const ParameterSpec& spec = model_.layout().spec(weight);
  if (!spec.linear || spec.shape.size() != 2 || rates_->per_element()) return false;
  if (options_.fast_weights != MetaOptions::FastWeights::kAuto) {
    return options_.fast_weights == MetaOptions::FastWeights::kFactored;
  }
  const int64_t in = spec.shape[0], out = spec.shape[1];
  return rows * (in + out) <= kFactorsWorth * in * out;
}

AdaptedTasks GradientDescent::Adapt(const ParameterValues& theta, const EncodedChunk& encoded,
                                    const ChunkBatch& batch, bool differentiable) const {
  const bool second_order = differentiable && options_.method != MetaOptions::Method::kFomaml;
  const Support support{.rows = batch.support,
                        .grams = adapts_rows_ ? MeetSupport(batch, batch.support) : MetGrams{}};
  InnerState state{.values = theta};
  if (adapts_rows_) {
    state.vectors = MeetVectors(encoded.tasks, encoded.items, batch.support);
  } else {
    state.inputs = MakeRowInputs(model_, encoded.tasks, encoded.items, batch.support);
    state.values.AddFixedInputs(state.inputs.rows);
    if (state.inputs.negatives.defined()) state.values.AddFixedInputs(state.inputs.negatives);
  }
  for (const int64_t p : scored_) {
    if (PrefersFactors(p, batch.support.entity.size(1))) state.values.StartFactored(p);
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
  if (!differentiable) Finish(batch.task_count, state);
  return {.values = std::move(state.values), .rows = std::move(state.rows)};
}

void GradientDescent::Step(const Support& support, int64_t step, bool second_order,
                           InnerState& state) const {
  ParameterValues& values = state.values;
  MetVectors met;  // where rows adapt
  RowInputs inputs = state.inputs;
  if (adapts_rows_) {
    met = Adapted(model_, state.vectors, support.grams, state.rows);
    for (at::Tensor* vectors : {&met.tasks, &met.items}) {
      if (!vectors->requires_grad()) *vectors = vectors->detach().requires_grad_(true);
    }
    inputs = InputsOf(model_, met, support.rows.entity.size(1));
  }
  std::vector<at::Tensor> wanted = StartDirect(support.rows.entity.size(0), step, values);
  const size_t direct_count = wanted.size();
  std::vector<LayerTap> taps;
  values.set_taps(&taps);
  // Tasks are independent, so the gradient of the sum of their losses is each task's own.
  const at::Tensor loss = SupportLosses(options_, model_, values, inputs, support.rows).sum();
  values.set_taps(nullptr);
  std::erase_if(taps, [&](const LayerTap& tap) {
    return UnitOf(tap.weight) == adapted_.size() && UnitOf(tap.bias) == adapted_.size();
  });
  for (const LayerTap& tap : taps) wanted.push_back(tap.outputs);
  if (adapts_rows_) wanted.insert(wanted.end(), {met.tasks, met.items});
  const std::vector<at::Tensor> gradients = torch::autograd::grad(
      {loss}, wanted, {}, /*retain_graph=*/second_order, /*create_graph=*/second_order,
      /*allow_unused=*/true);
  const std::span<const at::Tensor> all = gradients;
  for (size_t t = 0; second_order && t < taps.size(); ++t) {
    RequireGraph(gradients[direct_count + t], loss, model_.layout().spec(taps[t].weight).name);
  }
  DescendDirect(all.first(direct_count), step, values);
  DescendLayers(taps, all.subspan(direct_count, taps.size()), step, second_order, values);
  if (!adapts_rows_) return;
  const MetVectors of_met{.tasks = gradients[gradients.size() - 2], .items = gradients.back()};
  Descend(model_, *rates_, adapted_, values, step, of_met, state.rows);
}

size_t GradientDescent::UnitOf(int64_t parameter) const {
  return static_cast<size_t>(std::ranges::find(adapted_, parameter) - adapted_.begin());
}

std::vector<at::Tensor> GradientDescent::StartDirect(int64_t task_count, int64_t step,
                                                     ParameterValues& values) const {
  std::vector<at::Tensor> wanted;
  for (const int64_t p : scored_) {
    if (model_.layout().spec(p).linear) continue;
    at::Tensor& value = values[static_cast<size_t>(p)];
    if (step == 0) value = ShareAcrossTasks(value, task_count);
    if (!value.requires_grad()) value.requires_grad_(true);
    wanted.push_back(value);
  }
  return wanted;
}

void GradientDescent::DescendDirect(std::span<const at::Tensor> gradients, int64_t step,
                                    ParameterValues& values) const {
  size_t next = 0;
  for (const int64_t p : scored_) {
    if (model_.layout().spec(p).linear) continue;
    const at::Tensor& gradient = gradients[next++];
    if (!gradient.defined()) continue;
    at::Tensor& value = values[static_cast<size_t>(p)];
    value = value - rates_->Scale(values, step, UnitOf(p), gradient);
  }
}

void GradientDescent::DescendLayers(std::span<const LayerTap> taps,
                                    std::span<const at::Tensor> gradients, int64_t step,
                                    bool second_order, ParameterValues& values) const {
  for (size_t t = 0; t < taps.size(); ++t) {
    const LayerTap& tap = taps[t];
    if (!gradients[t].defined()) continue;
    const size_t of_weight = UnitOf(tap.weight), of_bias = UnitOf(tap.bias);
    if (of_weight < adapted_.size() && rates_->per_element()) {
      const at::Tensor inputs = second_order ? tap.inputs : tap.inputs.detach();
      at::Tensor& weight = values[static_cast<size_t>(tap.weight)];
      weight = weight - rates_->Scale(values, step, of_weight,
                                      at::bmm(inputs.transpose(1, 2), gradients[t]));
    } else if (of_weight < adapted_.size()) {
      values.Subtract(tap, rates_->Scale(values, step, of_weight, gradients[t]), !second_order);
    }
    if (of_bias < adapted_.size()) {
      at::Tensor& bias = values[static_cast<size_t>(tap.bias)];
      bias = bias - rates_->Scale(values, step, of_bias, gradients[t].sum(1));
    }
  }
  for (const int64_t p : scored_) {
    if (values.factored(p) == nullptr) continue;
    if (!PrefersFactors(p, values.FactoredRows(p))) values.MakeExplicit(p);
  }
}

void GradientDescent::Finish(int64_t task_count, InnerState& state) const {
  for (const int64_t p : scored_) {
    if (state.values.factored(p) != nullptr) state.values.MakeExplicit(p);
    at::Tensor& value = state.values[static_cast<size_t>(p)];
    const bool is_shared = value.dim() == std::ssize(model_.layout().spec(p).shape);
    value = (is_shared ? ShareAcrossTasks(value, task_count) : value).detach();
  }
  for (at::Tensor& delta : state.rows.tasks) delta = delta.detach();
  for (at::Tensor& delta : state.rows.items) delta = delta.detach();
}

}  // namespace hearth
