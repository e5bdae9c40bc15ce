#include "trainer/model/embedding_mlp.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include "common/error.h"

namespace hearth {

EmbeddingMlp::EmbeddingMlp(const ModelOptions& options, const EntityFields& task_fields,
                           const EntityFields& item_fields, double output_offset)
    : activation_(options.activation),
      output_offset_(output_offset),
      task_encoder_(task_fields, options.dim, options.init_scale, layout_, tables_),
      item_encoder_(item_fields, options.dim, options.init_scale, layout_, tables_) {
  if (item_encoder_.field_count() == 0) {
    throw ConfigError(
        "model embedding_mlp has no item field: set model.item_id=true or name item features");
  }
  int64_t in = (task_encoder_.field_count() + item_encoder_.field_count()) * options.dim;
  for (size_t l = 0; l < options.layers.size(); ++l) {
    layers_.emplace_back(layout_, fmt::format("layer{}", l), in, options.layers[l]);
    in = options.layers[l];
  }
  layers_.emplace_back(layout_, "output", in, 1);
  for (const TaskLinear& layer : layers_) {
    adaptable_.push_back(layer.weight());
    adaptable_.push_back(layer.bias());
  }
  head_ = {layers_.back().weight(), layers_.back().bias()};
}

at::Tensor EmbeddingMlp::EncodeTasks(const ParameterValues& values, const ChunkBatch& batch,
                                     const std::vector<at::Tensor>& rows) const {
  if (task_encoder_.field_count() == 0) {
    return at::zeros({batch.tasks.count, 0}, values.front().options().requires_grad(false));
  }
  return at::cat(task_encoder_.Encode(values, batch.tasks, rows), 1);
}

at::Tensor EmbeddingMlp::EncodeItems(const ParameterValues& values, const ChunkBatch& batch,
                                     const std::vector<at::Tensor>& rows) const {
  return at::cat(item_encoder_.Encode(values, batch.items, rows), 1);
}

at::Tensor EmbeddingMlp::Activate(const at::Tensor& x) const {
  switch (activation_) {
    case ModelOptions::Activation::kRelu:
      return at::relu(x);
    case ModelOptions::Activation::kGelu:
      return at::gelu(x);
    case ModelOptions::Activation::kTanh:
      return at::tanh(x);
    case ModelOptions::Activation::kIdentity:
      break;
  }
  return x;
}

at::Tensor EmbeddingMlp::Score(const ParameterValues& values, const at::Tensor& tasks,
                               const at::Tensor& items) const {
  const at::Tensor repeated = tasks.unsqueeze(1).expand({-1, items.size(1), -1});
  at::Tensor x = at::cat({repeated, items}, 2);
  for (size_t l = 0; l + 1 < layers_.size(); ++l) x = Activate(layers_[l].Forward(values, x));
  return layers_.back().Forward(values, x).squeeze(2) + output_offset_;
}

}  // namespace hearth
