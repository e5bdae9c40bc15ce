#include "trainer/model/embedding_mlp.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <fmt/format.h>

namespace hearth {

EmbeddingMlp::EmbeddingMlp(const ModelOptions& options, const InputSchema& schema,
                           double output_offset, ParameterLayout& layout)
    : TwoTowers("embedding_mlp", options, schema, {.tasks = options.dim, .items = options.dim},
                FieldCombination::kConcatenate, layout) {
  head_ = {.layers = {},
           .activation = options.activation,
           .output_offset = output_offset,
           .reads_vectors = true};
  int64_t in = task_encoder().width() + item_encoder().width();
  for (size_t l = 0; l < options.layers.size(); ++l) {
    head_.layers.emplace_back(layout, fmt::format("layer{}", l), in, options.layers[l]);
    in = options.layers[l];
  }
  head_.layers.emplace_back(layout, "output", in, 1);
  AdaptAllLayers();
}

HeadRows EmbeddingMlp::MakeHeadRows(const EncodedRows& rows) const {
  const at::Tensor context = rows.context.expand({-1, rows.items.size(1), -1});
  return {.x = {.x = at::cat({context, rows.items}, 2), .id = rows.input_id}, .shift = {}};
}

}  // namespace hearth
