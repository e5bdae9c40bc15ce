#include "trainer/gradient/fused_engine.h"

#include <cmath>

#include <ATen/ops/zeros_like.h>
#include <fmt/format.h>

#include "common/error.h"
#include "common/text.h"
#include "trainer/gradient/device_chunk.h"
#include "trainer/gradient/fused_chunk.h"
#include "trainer/gradient/fused_inputs.h"

namespace hearth {
namespace {

// Number of layers of the head below the layers of the kernels: none if nothing adapts.
int64_t LayersBelow(const DenseHead& head, const HeadProgram& program) {
  if (program.adapted_layers == 0) return 0;
  return std::ssize(head.layers) - program.adapted_layers;
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
  return kNames[static_cast<int>(activation)];
}

// Packs the rows of the chunk without padding. `batch`: made of the same chunk, row by row.
HeadChunk PackRows(const Chunk& chunk, const ChunkBatch& batch) {
  HEARTH_CHECK(!chunk.negatives_are_rows, "the batch has more rows than the chunk");
  const at::Tensor support = batch.support.entity.to(at::kCPU);
  const at::Tensor query = batch.query.entity.to(at::kCPU);
  HeadChunk packed;
  packed.begin.push_back(0);
  const auto append = [&](const TaskRows& rows, const at::Tensor& entity, int64_t t) {
    const int64_t* items = entity.const_data_ptr<int64_t>() + t * entity.size(1);
    packed.item.insert(packed.item.end(), items, items + rows.offsets[t + 1] - rows.offsets[t]);
    packed.labels.insert(packed.labels.end(), rows.labels.begin() + rows.offsets[t],
                         rows.labels.begin() + rows.offsets[t + 1]);
  };
  for (int64_t t = 0; t < chunk.task_count(); ++t) {
    append(chunk.support, support, t);
    packed.support.push_back(std::ssize(packed.item) - packed.begin.back());
    append(chunk.query, query, t);
    packed.begin.push_back(std::ssize(packed.item));
  }
  return packed;
}

// Copies rows x width elements. Rows of `from` are from_row elements apart, rows of `to` to_row.
template <typename From, typename To>
void CopyMatrix(const From* from, int64_t from_row, int64_t rows, int64_t width, To* to,
                int64_t to_row) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t j = 0; j < width; ++j)
      to[r * to_row + j] = static_cast<To>(from[r * from_row + j]);
  }
}

}  // namespace

std::string FusedEngine::WhyNot(const Learner& learner, at::Device device) {
  const DenseHead* head = learner.model().dense_head();
  if (head == nullptr) return "the model is not a stack of dense layers";
  const HeadOffer offer = learner.adaptation().OffersHeadProgram();
  if (!offer.refusal.empty()) return offer.refusal;
  const MetaOptions::Loss loss = learner.loss();
  if (loss == MetaOptions::Loss::kBpr) return "the loss bpr compares pairs of rows";
  if (loss != MetaOptions::Loss::kMse && loss != MetaOptions::Loss::kBce) {
    return "no kernel computes the loss";
  }
  if (!device.is_cpu() && !device.is_cuda()) return "it has no kernels for " + device.str();
  const int64_t count = std::ssize(head->layers) - LayersBelow(*head, offer.program);
  if (count > HeadShape::kMaxLayers) {
    return fmt::format("{} layers adapt, at most {} may", count, HeadShape::kMaxLayers);
  }
  return {};
}

FusedEngine::FusedEngine(const EngineContext& context)
    : context_(context), program_(context.learner.adaptation().OffersHeadProgram().program) {
  const Learner& learner = context.learner;
  const DenseHead& head = *learner.model().dense_head();
  below_ = LayersBelow(head, program_);
  layers_.assign(head.layers.begin() + below_, head.layers.end());
  shape_.layer_count = static_cast<int>(layers_.size());
  for (size_t l = 0; l < layers_.size(); ++l) {
    const ParameterSpec& weight = learner.layout().spec(layers_[l].weight());
    shape_.width[l] = weight.shape[0];
    shape_.width[l + 1] = weight.shape[1];
  }
  shape_.activation = ActivationOf(head.activation);
  shape_.loss = HeadShape::Loss::kMse;
  if (learner.loss() == MetaOptions::Loss::kBce) shape_.loss = HeadShape::Loss::kBce;
  shape_.inner_steps = static_cast<int>(program_.inner_steps);
  shape_.second_order = program_.second_order;
  shape_.rate_gradient = program_.log_rates >= 0;
}

std::string FusedEngine::Describe() const {
  std::vector<std::string> widths;
  for (int l = 0; l <= shape_.layer_count; ++l) widths.push_back(std::to_string(shape_.width[l]));
  return fmt::format("{} {}", Join(widths, "-"), NameOf(shape_.activation));
}

ChunkResult FusedEngine::Compute(const Chunk& chunk, const MetaParameters& parameters,
                                 const FetchedRows& fetched) const {
  const Chunk rows = chunk.negatives_are_rows ? WithNegativeRows(chunk) : chunk;
  return ComputeFiniteTasks(rows, [&](const Chunk& tasks) {
    if (parameters.dense.scalar_type() == at::kDouble) {
      return ComputeAs<double>(tasks, parameters, fetched);
    }
    return ComputeAs<float>(tasks, parameters, fetched);
  });
}

template <typename Real>
ChunkResult FusedEngine::ComputeAs(const Chunk& chunk, const MetaParameters& parameters,
                                   const FetchedRows& fetched) const {
  const ChunkBatch batch = context_.builder.Build(chunk);
  HeadChunk head = PackRows(chunk, batch);
  head.support_prior = program_.support_prior;
  const std::unique_ptr<HeadInputs> inputs =
      MakeHeadInputs(context_.learner, below_, batch,
                     GatherTableRows(parameters, batch.table_rows, fetched), parameters.dense);
  inputs->Forward(head);

  const at::Tensor dense = parameters.dense.to(at::kCPU);
  const Real* values = dense.const_data_ptr<Real>();
  const auto differentiate =
      parameters.dense.is_cuda() ? DifferentiateHeadOnDevice<Real> : DifferentiateHead<Real>;
  HeadChunkGradient gradient = differentiate(shape_, PackTail(values), Rates(values),
                                             context_.learner.model().output_offset(), head);
  ChunkResult result;
  result.dense_gradient = at::zeros_like(parameters.dense);
  inputs->Backward(gradient, result);
  result.dense_gradient = result.dense_gradient.to(at::kCPU);
  for (at::Tensor& rows : result.row_gradients) rows = rows.to(at::kCPU);
  UnpackGradients(gradient, values, result.dense_gradient.mutable_data_ptr<Real>());
  result.table_rows = batch.table_rows;
  result.query_loss = std::move(gradient.losses);
  return result;
}

template <typename Real>
std::vector<Real> FusedEngine::PackTail(const Real* parameters) const {
  std::vector<Real> tail(shape_.tail_size(), Real(0));
  ForEachTailMatrix([&](const TailMatrix& matrix) {
    CopyMatrix(parameters + matrix.parameter, matrix.width, matrix.rows, matrix.width,
               tail.data() + matrix.tail, matrix.tail_row);
  });
  return tail;
}

template <typename Real>
std::vector<Real> FusedEngine::Rates(const Real* parameters) const {
  const int64_t count = shape_.inner_steps * shape_.rate_count();
  if (program_.log_rates < 0)
    return std::vector<Real>(count, static_cast<Real>(program_.inner_rate));
  const ParameterSpec& logs = context_.learner.layout().spec(program_.log_rates);
  std::vector<Real> rates;
  for (int64_t i = 0; i < count; ++i) {
    const double log_rate = parameters[logs.offset + i % logs.count];
    rates.push_back(static_cast<Real>(std::exp(log_rate)));
  }
  return rates;
}

template <typename Real>
void FusedEngine::UnpackGradients(const HeadChunkGradient& gradient, const Real* parameters,
                                  Real* gradients) const {
  ForEachTailMatrix([&](const TailMatrix& matrix) {
    CopyMatrix(gradient.tail.data() + matrix.tail, matrix.tail_row, matrix.rows, matrix.width,
               gradients + matrix.parameter, matrix.width);
  });
  if (program_.log_rates < 0) return;
  // d / d log a = a d / d a. Steps that share a rate add up.
  const ParameterSpec& logs = context_.learner.layout().spec(program_.log_rates);
  std::vector<double> sums(logs.count, 0.0);
  for (size_t i = 0; i < gradient.rates.size(); ++i) sums[i % sums.size()] += gradient.rates[i];
  for (int64_t i = 0; i < logs.count; ++i) {
    const double log_rate = parameters[logs.offset + i];
    gradients[logs.offset + i] = static_cast<Real>(sums[i] * std::exp(log_rate));
  }
}

template <typename Visit>
void FusedEngine::ForEachTailMatrix(const Visit& visit) const {
  const ParameterLayout& layout = context_.learner.layout();
  for (int l = 0; l < shape_.layer_count; ++l) {
    const TaskLinear& layer = layers_[l];
    const int64_t in = shape_.width[l], out = shape_.width[l + 1];
    visit({layout.spec(layer.bias()).offset, 1, out, shape_.bias_offset(l), shape_.out(l)});
    if (l == 0) continue;
    const int64_t weight = layout.spec(layer.weight()).offset;
    if (shape_.is_output(l)) {
      visit({weight, 1, in, shape_.weight_offset(l), shape_.Padded(in)});
    } else {
      visit({weight, in, out, shape_.weight_offset(l), shape_.out(l)});
    }
  }
}

}  // namespace hearth
