#include "trainer/model/embedding_mlp.h"

#include <ATen/TensorOperators.h>
#include <fmt/format.h>

#include "common/error.h"

namespace hearth {

EmbeddingMlp::EmbeddingMlp(const ModelOptions& options, const EntityFields& task_fields,
                           const EntityFields& item_fields, double output_offset)
    : task_encoder_(task_fields, options.dim, options.init_scale, FieldCombination::kConcatenate,
                    layout_, tables_),
      item_encoder_(item_fields, options.dim, options.init_scale, FieldCombination::kConcatenate,
                    layout_, tables_),
      head_layers_{.layers = {},
                   .activation = options.activation,
                   .output_offset = output_offset,
                   .reads_vectors = true} {
  if (item_encoder_.field_count() == 0) {
    throw ConfigError(
        "model embedding_mlp has no item field: set model.item_id=true or name item features");
  }
  int64_t in = task_encoder_.width() + item_encoder_.width();
  std::vector<TaskLinear>& layers = head_layers_.layers;
  for (size_t l = 0; l < options.layers.size(); ++l) {
    layers.emplace_back(layout_, fmt::format("layer{}", l), in, options.layers[l]);
    in = options.layers[l];
  }
  layers.emplace_back(layout_, "output", in, 1);
  for (const TaskLinear& layer : layers) {
    adaptable_.push_back(layer.weight());
    adaptable_.push_back(layer.bias());
  }
  head_ = {layers.back().weight(), layers.back().bias()};
}

at::Tensor EmbeddingMlp::EncodeTasks(const ParameterValues& values, const ChunkBatch& batch,
                                     const std::vector<at::Tensor>& rows) const {
  return task_encoder_.Encode(values, batch.tasks, rows);
}

at::Tensor EmbeddingMlp::EncodeItems(const ParameterValues& values, const ChunkBatch& batch,
                                     const std::vector<at::Tensor>& rows) const {
  return item_encoder_.Encode(values, batch.items, rows);
}

at::Tensor EmbeddingMlp::Score(const ParameterValues& values, const at::Tensor& inputs) const {
  at::Tensor x = inputs;
  const std::vector<TaskLinear>& layers = head_layers_.layers;
  for (size_t l = 0; l + 1 < layers.size(); ++l) {
    x = Activate(head_layers_.activation, layers[l].Forward(values, x));
  }
  return layers.back().Forward(values, x).squeeze(2) + head_layers_.output_offset;
}

HeadRows EmbeddingMlp::MakeHeadRows(const at::Tensor& inputs) const {
  return {.x = inputs, .shift = {}};
}

}  // namespace hearth
