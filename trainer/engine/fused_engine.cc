#include "trainer/engine/fused_engine.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros_like.h>
#include <fmt/format.h>
#include <torch/csrc/autograd/autograd.h>

#include "common/error.h"
#include "common/text.h"
#include "trainer/engine/fused_chunk.h"

namespace hearth {
namespace {

// Adapted layers are the last ones of the head; joint training counts them all.
size_t FirstAdapted(const EngineContext& context, const DenseHead& head) {
  const std::vector<int64_t>& adapted = context.method.adapted();
  if (adapted.empty()) return 0;
  for (size_t l = 0; l < head.layers.size(); ++l) {
    if (head.layers[l].weight() == adapted.front()) return l;
  }
  return head.layers.size();
}

HeadShape::Activation ActivationOf(ModelOptions::Activation activation) {
  switch (activation) {
    case ModelOptions::Activation::kRelu:
      return HeadShape::Activation::kRelu;
    case ModelOptions::Activation::kGelu:
      return HeadShape::Activation::kGelu;
    case ModelOptions::Activation::kTanh:
      return HeadShape::Activation::kTanh;
    case ModelOptions::Activation::kIdentity:
      break;
  }
  return HeadShape::Activation::kIdentity;
}

const char* NameOf(HeadShape::Activation activation) {
  constexpr const char* kNames[] = {"relu", "gelu", "tanh", "identity"};
  return kNames[static_cast<size_t>(activation)];
}

at::Tensor IdTensor(const std::vector<int64_t>& ids) {
  return at::tensor(at::ArrayRef<int64_t>(ids), at::TensorOptions().dtype(at::kLong));
}

// Rows of the chunk without padding: labels, items, and which task each belongs to.
struct PackedRows {
  HeadChunk chunk;
  std::vector<int64_t> task;  // [row]
};

PackedRows PackRows(const Chunk& chunk, const ChunkBatch& batch) {
  PackedRows packed;
  packed.chunk.begin.push_back(0);
  const auto append = [&](const TaskRows& rows, const RowBatch& tensors, int64_t t) {
    const auto i = static_cast<size_t>(t);
    const int64_t* items = tensors.entity.const_data_ptr<int64_t>() + t * tensors.entity.size(1);
    packed.chunk.item.insert(packed.chunk.item.end(), items,
                             items + rows.offsets[i + 1] - rows.offsets[i]);
    packed.chunk.labels.insert(packed.chunk.labels.end(), rows.labels.begin() + rows.offsets[i],
                               rows.labels.begin() + rows.offsets[i + 1]);
  };
  for (int64_t t = 0; t < chunk.task_count(); ++t) {
    append(chunk.support, batch.support, t);
    packed.chunk.support.push_back(std::ssize(packed.chunk.item) - packed.chunk.begin.back());
    append(chunk.query, batch.query, t);
    packed.chunk.begin.push_back(std::ssize(packed.chunk.item));
    packed.task.resize(packed.chunk.item.size(), t);
  }
  return packed;
}

template <typename Real>
void CopyMatrix(const at::Tensor& from, int64_t to_width, Real* to) {
  const at::Tensor rows = from.detach().contiguous();
  const int64_t width = rows.size(-1);
  for (int64_t r = 0; r * width < rows.numel(); ++r) {
    std::copy_n(rows.const_data_ptr<Real>() + r * width, width, to + r * to_width);
  }
}

// [rows, width] out of rows that are `from_width` apart.
at::Tensor TakeMatrix(const double* from, at::IntArrayRef sizes, int64_t from_width,
                      at::TensorOptions options) {
  const int64_t width = sizes.back();
  const int64_t rows = sizes.size() == 2 ? sizes[0] : 1;
  return at::from_blob(const_cast<double*>(from), {rows, width}, {from_width, 1},
                       at::TensorOptions().dtype(at::kDouble))
      .to(options.dtype(), false, /*copy=*/true)
      .reshape(sizes);
}

}  // namespace

std::string FusedEngine::WhyNot(const EngineContext& context, const MetaOptions& options,
                                at::Device device) {
  const DenseHead* head = context.model.dense_head();
  if (head == nullptr) return "the model is not a stack of dense layers";
  if (options.loss == MetaOptions::Loss::kBpr) return "the loss bpr compares pairs of rows";
  if (!device.is_cpu()) return "its GPU kernels are not part of this version";
  const size_t first = FirstAdapted(context, *head);
  const auto count = static_cast<int64_t>(head->layers.size() - first);
  if (count > HeadShape::kMaxLayers) {
    return fmt::format("{} layers adapt, at most {} may", count, HeadShape::kMaxLayers);
  }
  return {};
}

FusedEngine::FusedEngine(const EngineContext& context, const MetaOptions& options)
    : context_(context), options_(options), log_rates_(FindLogInnerRates(context.model.layout())) {
  const DenseHead& head = *context.model.dense_head();
  const auto first = static_cast<int64_t>(FirstAdapted(context, head));
  below_.assign(head.layers.begin(), head.layers.begin() + first);
  layers_.assign(head.layers.begin() + first, head.layers.end());
  const ParameterLayout& layout = context.model.layout();
  shape_.layer_count = static_cast<int>(layers_.size());
  for (size_t l = 0; l < layers_.size(); ++l) {
    shape_.width[l] = layout.spec(layers_[l].weight()).shape[0];
    shape_.width[l + 1] = layout.spec(layers_[l].weight()).shape[1];
  }
  shape_.activation = ActivationOf(head.activation);
  shape_.loss =
      options.loss == MetaOptions::Loss::kMse ? HeadShape::Loss::kMse : HeadShape::Loss::kBce;
  shape_.inner_steps = context.method.adapted().empty() ? 0 : static_cast<int>(options.inner_steps);
  shape_.second_order = options.method != MetaOptions::Method::kFomaml;
  shape_.rate_gradient = log_rates_ >= 0;
}

std::string FusedEngine::Describe() const {
  std::vector<std::string> widths;
  for (int l = 0; l <= shape_.layer_count; ++l) widths.push_back(std::to_string(shape_.width[l]));
  return fmt::format("{} {}", Join(widths, "-"), NameOf(shape_.activation));
}

ChunkResult FusedEngine::Compute(const Chunk& chunk, const MetaParameters& parameters,
                                 bool hide_item_ids) const {
  return ComputeFiniteTasks(chunk, [&](const Chunk& tasks) {
    return parameters.dense.scalar_type() == at::kDouble
               ? ComputeAs<double>(tasks, parameters, hide_item_ids)
               : ComputeAs<float>(tasks, parameters, hide_item_ids);
  });
}

FusedEngine::Head FusedEngine::MakeHead(const ParameterValues& theta, const EncodedChunk& encoded,
                                        const Chunk& chunk, const ChunkBatch& batch) const {
  const DenseHead& dense = *context_.model.dense_head();
  auto [head, task_of_row] = PackRows(chunk, batch);
  head.support_prior = options_.support_prior;
  if (dense.concatenates && below_.empty()) {
    head.tasks = encoded.tasks.detach().contiguous();
    head.items = encoded.items.detach().contiguous();
    return {std::move(head), encoded.tasks, encoded.items, {}};
  }
  HeadRows rows =
      context_.model.MakeHeadRows(at::index_select(encoded.tasks, 0, IdTensor(task_of_row)),
                                  at::index_select(encoded.items, 0, IdTensor(head.item)));
  for (const TaskLinear& layer : below_) {
    const at::Tensor y = layer.Forward(theta, rows.x.unsqueeze(0)).squeeze(0);
    rows.x = Activate(dense.activation, y);
  }
  std::iota(head.item.begin(), head.item.end(), int64_t{0});  // every row has inputs of its own
  head.items = rows.x.detach().contiguous();
  head.tasks = at::empty({chunk.task_count(), 0}, head.items.options());
  if (rows.shift.defined()) head.shift = rows.shift.detach().contiguous();
  return {std::move(head), {}, rows.x, rows.shift};
}

template <typename Real>
ChunkResult FusedEngine::ComputeAs(const Chunk& chunk, const MetaParameters& parameters,
                                   bool hide_item_ids) const {
  const ParameterLayout& layout = context_.model.layout();
  const ChunkBatch batch = context_.builder.Build(chunk, hide_item_ids);
  const ParameterValues theta = MakeLeaves(layout, parameters.dense);
  std::vector<at::Tensor> rows = GatherTableRows(parameters, batch.table_rows);
  std::vector<at::Tensor> inputs = theta.tensors();
  for (at::Tensor& of_table : rows) inputs.push_back(of_table.requires_grad_(true));
  const EncodedChunk encoded = Encode(context_.model, theta, batch, rows);
  const Head head = MakeHead(theta, encoded, chunk, batch);

  const at::Tensor& weight = theta[static_cast<size_t>(layers_.front().weight())];
  HeadChunkGradient of_head =
      DifferentiateHead<Real>(shape_, weight.detach(), PackTail<Real>(theta), Rates<Real>(theta),
                              context_.model.dense_head()->output_offset, head.chunk);
  std::vector<at::Tensor> gradients = FlowBack(head, of_head, inputs);
  gradients[static_cast<size_t>(layers_.front().weight())] = of_head.weight;
  UnpackGradients(theta, of_head, gradients);

  ChunkResult result;
  result.dense_gradient =
      FlattenGradients(layout, {gradients.begin(), gradients.begin() + layout.parameter_count()},
                       parameters.dense.options());
  for (size_t t = 0; t < rows.size(); ++t) {
    const at::Tensor& gradient = gradients[theta.size() + t];
    result.row_gradients.push_back(gradient.defined() ? gradient.contiguous()
                                                      : at::zeros_like(rows[t]));
  }
  result.table_rows = batch.table_rows;
  result.query_loss = std::move(of_head.losses);
  return result;
}

// Through the part of the graph below the head; undefined where nothing flows.
std::vector<at::Tensor> FusedEngine::FlowBack(const Head& head, const HeadChunkGradient& gradient,
                                              const std::vector<at::Tensor>& inputs) {
  std::vector<at::Tensor> roots, weights;
  const auto enter = [&](const at::Tensor& root, const at::Tensor& weight) {
    if (!root.defined() || !root.requires_grad()) return;
    roots.push_back(root);
    weights.push_back(weight);
  };
  enter(head.tasks, gradient.tasks);
  enter(head.items, gradient.items);
  enter(head.shift, gradient.shift);
  return torch::autograd::grad(roots, inputs, weights, /*retain_graph=*/false,
                               /*create_graph=*/false, /*allow_unused=*/true);
}

template <typename Real>
std::vector<Real> FusedEngine::PackTail(const ParameterValues& theta) const {
  std::vector<Real> tail(static_cast<size_t>(shape_.tail_size()), Real(0));
  for (int l = 0; l < shape_.layer_count; ++l) {
    const TaskLinear& layer = layers_[static_cast<size_t>(l)];
    CopyMatrix(theta[static_cast<size_t>(layer.bias())], shape_.out(l),
               tail.data() + shape_.bias_offset(l));
    if (l == 0) continue;
    const at::Tensor& weight = theta[static_cast<size_t>(layer.weight())];
    CopyMatrix(shape_.is_output(l) ? weight.reshape({-1}) : weight, shape_.out(l),
               tail.data() + shape_.weight_offset(l));
  }
  return tail;
}

template <typename Real>
std::vector<Real> FusedEngine::Rates(const ParameterValues& theta) const {
  const auto count = static_cast<size_t>(shape_.inner_steps * shape_.rate_count());
  if (log_rates_ < 0) return std::vector<Real>(count, static_cast<Real>(options_.inner_lr));
  const std::vector<double> logs = ToDoubles(theta[static_cast<size_t>(log_rates_)]);
  std::vector<Real> rates;
  for (size_t i = 0; i < count; ++i) {
    rates.push_back(static_cast<Real>(std::exp(logs[i % logs.size()])));
  }
  return rates;
}

void FusedEngine::UnpackGradients(const ParameterValues& theta, const HeadChunkGradient& gradient,
                                  std::vector<at::Tensor>& gradients) const {
  const auto take = [&](int64_t parameter, int64_t offset, int64_t stride) {
    const at::Tensor& value = theta[static_cast<size_t>(parameter)];
    gradients[static_cast<size_t>(parameter)] =
        TakeMatrix(gradient.tail.data() + offset, value.sizes(), stride, value.options());
  };
  for (int l = 0; l < shape_.layer_count; ++l) {
    const TaskLinear& layer = layers_[static_cast<size_t>(l)];
    take(layer.bias(), shape_.bias_offset(l), shape_.out(l));
    if (l == 0) continue;
    take(layer.weight(), shape_.weight_offset(l), shape_.is_output(l) ? 1 : shape_.out(l));
  }
  if (log_rates_ < 0) return;
  // d / d log a = a d / d a; steps that share a rate add up.
  const at::Tensor& logs = theta[static_cast<size_t>(log_rates_)];
  std::vector<double> sums = ToDoubles(logs);
  const std::vector<double> values = sums;
  std::fill(sums.begin(), sums.end(), 0.0);
  for (size_t i = 0; i < gradient.rates.size(); ++i) {
    sums[i % sums.size()] += gradient.rates[i] * std::exp(values[i % sums.size()]);
  }
  gradients[static_cast<size_t>(log_rates_)] =
      TakeMatrix(sums.data(), logs.sizes(), logs.size(-1), logs.options());
}

}  // namespace hearth
