#include "trainer/adapt/gradient_descent.h"

#include <algorithm>

#include <ATen/TensorOperators.h>
#include <ATen/ops/bmm.h>
#include <fmt/format.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/function.h>

#include "common/error.h"
#include "common/text.h"

namespace hearth {
namespace {

// A factored pass may take this many times the operations of a pass with explicit weights and still
// be as fast: the explicit pass also forms a gradient per task and moves weights and gradients
// through memory. Measured: bench/README.md.
constexpr int64_t kFactorsWorth = 2;

// The names of the operators that computed `loss`, nearest first, each once.
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

// Refuses a gradient without a graph. Some operators have a derivative but no second derivative;
// such an operator cuts the graph silently, and the layers below it would get first-order
// gradients.
void RequireGraph(const at::Tensor& gradient, const at::Tensor& loss, const std::string& layer) {
  if (!gradient.defined() || gradient.requires_grad()) return;
  throw ConfigError(
      "the meta-gradient is of second order, but the inner gradient of '{}' cannot be "
      "differentiated: an operator between it and the loss has no second derivative (operators, "
      "from the loss down: {}); use meta.method=fomaml, or another operator in the model",
      layer, Join(OperatorsOf(loss), ", "));
}

// Values of LayerInputs::id for the head's inputs.
constexpr int64_t kSupportRows = 0, kSupportNegatives = 1;

bool IsHeadOnly(const MetaOptions& meta, const GradientDescentOptions& options) {
  return meta.method == MetaOptions::Method::kAnil ||
         options.adapt == GradientDescentOptions::Adapt::kHead;
}

std::vector<int64_t> AdaptedOfHead(bool last_layer_alone, const Model& model) {
  if (!last_layer_alone) return model.adaptable();
  return {model.last_layer().weight(), model.last_layer().bias()};
}

bool AdaptsRows(const MetaOptions& meta, const GradientDescentOptions& options,
                const Model& model) {
  if (IsHeadOnly(meta, options) || options.adapt != GradientDescentOptions::Adapt::kAll) {
    return false;
  }
  if (model.encoders() != nullptr) return true;
  throw ConfigError(
      "meta.adapt=all adapts the embeddings of users and items, and this model.type does not "
      "encode them by fields; use meta.adapt=dense");
}

// All adapted parameters: the head's parameters, then the projections of numbers.
std::vector<int64_t> AllAdapted(std::vector<int64_t> adapted, bool adapts_rows,
                                const Model& model) {
  if (!adapts_rows) return adapted;
  for (const FieldEncoder* encoder : {&model.encoders()->tasks, &model.encoders()->items}) {
    for (const FieldEncoder::Source& source : encoder->fields()) {
      if (source.projection >= 0) adapted.push_back(source.projection);
    }
  }
  return adapted;
}

// True if `adapted` names the weights and biases of the last layers of `head`, in their order. The
// kernels adapt these alone.
bool AreLastLayers(std::span<const int64_t> adapted, const DenseHead& head) {
  std::vector<int64_t> of_layers;
  for (const TaskLinear& layer : head.layers) {
    of_layers.insert(of_layers.end(), {layer.weight(), layer.bias()});
  }
  if (adapted.size() % 2 != 0 || adapted.size() > of_layers.size()) return false;
  return std::ranges::equal(adapted, std::span(of_layers).last(adapted.size()));
}

HeadRows WithId(HeadRows rows, int64_t id) {
  rows.x.id = id;
  return rows;
}

std::string InputsName(const std::string& parameter, size_t term) {
  return fmt::format("{}/inputs.{}", parameter, term);
}
std::string DeltasName(const std::string& parameter, size_t term) {
  return fmt::format("{}/deltas.{}", parameter, term);
}

// The terms of a factored weight: first the terms in the Gram form, then one term that joins the
// single steps.
std::vector<FactoredTerm> JoinedTerms(const std::vector<FactoredTerm>& terms) {
  std::vector<FactoredTerm> joined;
  for (const FactoredTerm& term : terms) {
    if (term.is_gram_form()) joined.push_back(term);
  }
  FactoredTerm steps = JoinSteps(terms);
  if (steps.inputs.defined()) joined.push_back(std::move(steps));
  return joined;
}

}  // namespace

GradientDescent::GradientDescent(const MetaOptions& meta, const GradientDescentOptions& options,
                                 const Model& model, ParameterLayout& layout)
    : loss_(meta.loss),
      options_(options),
      second_order_(meta.method != MetaOptions::Method::kFomaml),
      model_(model),
      layout_(layout),
      head_(AdaptedOfHead(IsHeadOnly(meta, options), model)),
      adapts_rows_(AdaptsRows(meta, options, model)),
      rates_(options, AllAdapted(head_, adapts_rows_, model), adapts_rows_, model, layout) {}

bool GradientDescent::PrefersFactors(int64_t weight, int64_t rows) const {
  const ParameterSpec& spec = layout_.spec(weight);
  if (!spec.linear || spec.shape.size() != 2 || rates_.per_element()) return false;
  if (options_.fast_weights != GradientDescentOptions::FastWeights::kAuto) {
    return options_.fast_weights == GradientDescentOptions::FastWeights::kFactored;
  }
  const int64_t in = spec.shape[0], out = spec.shape[1];
  return rows * (in + out) <= kFactorsWorth * in * out;
}

HeadOffer GradientDescent::OffersHeadProgram() const {
  if (adapts_rows_) return {.program = {}, .refusal = "embedding rows adapt (meta.adapt=all)"};
  if (rates_.per_element()) {
    return {.program = {}, .refusal = "elements have inner rates of their own"};
  }
  const DenseHead* head = model_.dense_head();
  if (head != nullptr && !AreLastLayers(head_, *head)) {
    return {.program = {}, .refusal = "the model adapts other parameters than its last layers"};
  }
  return {.program = {.adapted_layers = std::ssize(head_) / 2,
                      .inner_steps = options_.inner_steps,
                      .second_order = second_order_,
                      .support_prior = options_.support_prior,
                      .inner_rate = rates_.constant(),
                      .log_rates = rates_.log_rates()},
          .refusal = ""};
}

InnerState GradientDescent::Start(const ParameterValues& theta, const EncodedChunk& chunk) const {
  const LabelledRows& support = chunk.support;
  InnerState state{.values = theta};
  if (adapts_rows_) {
    state.vectors = VectorsOf(support);
    state.fast = StartFastRows(*model_.encoders(), chunk);
  } else {
    state.rows = WithId(model_.MakeHeadRows(support.rows), kSupportRows);
    if (support.negatives.defined()) {
      state.negatives = WithId(model_.MakeHeadRows(support.negatives), kSupportNegatives);
    }
  }
  for (const int64_t p : head_) {
    if (PrefersFactors(p, support.labels.size(1))) state.values.StartFactored(p);
  }
  return state;
}

TaskState GradientDescent::Adapt(const ParameterValues& theta, const EncodedChunk& chunk,
                                 Graph graph) const {
  const bool differentiable = graph == Graph::kDifferentiable;
  const bool second_order = differentiable && second_order_;
  InnerState state = Start(theta, chunk);
  Support support{.rows = chunk.support, .grams = {}};
  if (adapts_rows_) support.grams = SupportGrams(state.fast, chunk.support.labels.options());
  for (int64_t k = 0; k < options_.inner_steps; ++k) {
    if (second_order && options_.recompute) {
      StepRecomputed(
          [this, support, k](InnerState& s, bool with_graph) { Step(support, k, with_graph, s); },
          state);
    } else {
      Step(support, k, second_order, state);
    }
  }
  if (!differentiable) Finish(chunk.batch.task_count, state);
  return ToState(state);
}

at::Tensor GradientDescent::SupportLosses(const InnerState& state, const RowVectors& moved,
                                          const LabelledRows& rows,
                                          std::vector<LayerTap>* taps) const {
  HeadRows of_rows = state.rows, of_negatives = state.negatives;
  if (adapts_rows_) {
    const int64_t count = rows.labels.size(1), negatives = moved.items.size(1) - count;
    of_rows =
        model_.MakeHeadRows({.context = moved.tasks, .items = moved.items.narrow(1, 0, count)});
    if (negatives > 0) {
      of_negatives = model_.MakeHeadRows(
          {.context = moved.tasks, .items = moved.items.narrow(1, count, negatives)});
    }
  }
  RowScores scores{.rows = model_.Score(state.values, of_rows, taps), .negatives = {}};
  if (loss_ == MetaOptions::Loss::kBpr) {
    scores.negatives = model_.Score(state.values, of_negatives, taps);
  }
  const at::Tensor losses = TaskLosses(loss_, scores, rows);
  if (options_.support_prior == 0.0) return losses;
  return losses / (rows.inverse_count * options_.support_prior + 1.0);
}

void GradientDescent::Step(const Support& support, int64_t step, bool second_order,
                           InnerState& state) const {
  ParameterValues& values = state.values;
  RowVectors moved;  // used if table rows adapt
  if (adapts_rows_) {
    moved = MovedVectors(*model_.encoders(), state.vectors, support.grams, state.fast);
    for (at::Tensor* vectors : {&moved.tasks, &moved.items}) {
      if (!vectors->requires_grad()) *vectors = vectors->detach().requires_grad_(true);
    }
  }
  std::vector<at::Tensor> wanted = StartDirect(support.rows.labels.size(0), step, values);
  const int64_t direct_count = std::ssize(wanted);
  std::vector<LayerTap> taps;
  // Tasks are independent, so the gradient of the sum of losses holds the gradient of each task's
  // loss.
  const at::Tensor loss = SupportLosses(state, moved, support.rows, &taps).sum();
  std::erase_if(taps, [&](const LayerTap& tap) {
    return !rates_.Adapts(tap.weight) && !rates_.Adapts(tap.bias);
  });
  for (const LayerTap& tap : taps) wanted.push_back(tap.outputs);
  if (adapts_rows_) wanted.insert(wanted.end(), {moved.tasks, moved.items});
  const std::vector<at::Tensor> gradients = torch::autograd::grad(
      {loss}, wanted, {}, /*retain_graph=*/second_order, /*create_graph=*/second_order,
      /*allow_unused=*/true);
  const std::span<const at::Tensor> all = gradients;
  for (size_t t = 0; second_order && t < taps.size(); ++t) {
    RequireGraph(gradients[direct_count + t], loss, layout_.spec(taps[t].weight).name);
  }
  DescendDirect(all.first(direct_count), step, values);
  DescendLayers(taps, all.subspan(direct_count, taps.size()), step, second_order, values);
  if (!adapts_rows_) return;
  const RowVectors of_moved{.tasks = gradients[gradients.size() - 2], .items = gradients.back()};
  DescendRows(*model_.encoders(), rates_, values, step, of_moved, state.fast);
}

std::vector<at::Tensor> GradientDescent::StartDirect(int64_t task_count, int64_t step,
                                                     ParameterValues& values) const {
  std::vector<at::Tensor> wanted;
  for (const int64_t p : head_) {
    if (layout_.spec(p).linear) continue;
    at::Tensor& value = values[p];
    if (step == 0) value = ShareAcrossTasks(value, task_count);
    if (!value.requires_grad()) value.requires_grad_(true);
    wanted.push_back(value);
  }
  return wanted;
}

void GradientDescent::DescendDirect(std::span<const at::Tensor> gradients, int64_t step,
                                    ParameterValues& values) const {
  size_t next = 0;
  for (const int64_t p : head_) {
    if (layout_.spec(p).linear) continue;
    const at::Tensor& gradient = gradients[next++];
    if (!gradient.defined()) continue;
    values[p] = values[p] - rates_.Scale(values, step, rates_.UnitOfParameter(p), gradient);
  }
}

void GradientDescent::DescendLayers(std::span<const LayerTap> taps,
                                    std::span<const at::Tensor> gradients, int64_t step,
                                    bool second_order, ParameterValues& values) const {
  for (size_t t = 0; t < taps.size(); ++t) {
    const LayerTap& tap = taps[t];
    if (!gradients[t].defined()) continue;
    const int64_t weight_unit = rates_.UnitOfParameter(tap.weight);
    const int64_t bias_unit = rates_.UnitOfParameter(tap.bias);
    if (weight_unit >= 0 && rates_.per_element()) {
      const at::Tensor& x = tap.inputs.x;
      const at::Tensor inputs = second_order ? x : x.detach();
      at::Tensor& weight = values[tap.weight];
      weight = weight - rates_.Scale(values, step, weight_unit,
                                     at::bmm(inputs.transpose(1, 2), gradients[t]));
    } else if (weight_unit >= 0) {
      values.Subtract(tap, rates_.Scale(values, step, weight_unit, gradients[t]), !second_order);
    }
    if (bias_unit >= 0) {
      at::Tensor& bias = values[tap.bias];
      bias = bias - rates_.Scale(values, step, bias_unit, gradients[t].sum(1));
    }
  }
  for (const int64_t p : head_) {
    if (values.factored(p) == nullptr) continue;
    if (!PrefersFactors(p, values.FactoredRows(p))) values.MakeExplicit(p);
  }
}

void GradientDescent::Finish(int64_t task_count, InnerState& state) const {
  for (const int64_t p : head_) {
    if (state.values.factored(p) != nullptr) state.values.MakeExplicit(p);
    at::Tensor& value = state.values[p];
    const bool is_shared = value.dim() == std::ssize(layout_.spec(p).shape);
    if (is_shared) value = ShareAcrossTasks(value, task_count);
    value = value.detach();
  }
  for (std::vector<FastField>* side : {&state.fast.tasks, &state.fast.items}) {
    for (FastField& field : *side) field.change = field.change.detach();
  }
}

TaskState GradientDescent::ToState(const InnerState& state) const {
  TaskState result;
  for (const int64_t p : head_) {
    const ParameterSpec& spec = layout_.spec(p);
    const std::vector<FactoredTerm>* terms = state.values.factored(p);
    if (terms == nullptr) {
      const at::Tensor& value = state.values[p];
      if (value.dim() > std::ssize(spec.shape)) result.Add(spec.name, value);
      continue;
    }
    const std::vector<FactoredTerm> joined = JoinedTerms(*terms);
    for (size_t k = 0; k < joined.size(); ++k) {
      result.Add(InputsName(spec.name, k), joined[k].inputs);
      result.Add(DeltasName(spec.name, k), joined[k].deltas);
    }
  }
  AddToState(state.fast, result);
  return result;
}

ParameterValues GradientDescent::ValuesOf(const ParameterValues& theta,
                                          const TaskState& state) const {
  ParameterValues values = theta;
  for (const int64_t p : head_) {
    const std::string& name = layout_.spec(p).name;
    if (const at::Tensor* explicit_value = state.Find(name)) values[p] = *explicit_value;
    for (size_t k = 0; const at::Tensor* inputs = state.Find(InputsName(name, k)); ++k) {
      const int64_t id = k;  // keeps the terms apart
      values.AddTerm(p, {.inputs = *inputs, .deltas = *state.Find(DeltasName(name, k)), .id = id});
    }
  }
  return values;
}

at::Tensor GradientDescent::Score(const ParameterValues& theta, const TaskState& state,
                                  const ChunkBatch& batch, const EncodedRows& rows) const {
  const ParameterValues values = ValuesOf(theta, state);
  if (!adapts_rows_) return model_.Score(values, model_.MakeHeadRows(rows));
  const FastRows fast = FastRowsOf(state, *model_.encoders());
  return model_.Score(values,
                      model_.MakeHeadRows(MovedRows(*model_.encoders(), batch, rows, fast)));
}

}  // namespace hearth
