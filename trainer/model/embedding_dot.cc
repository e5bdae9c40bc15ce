#include "trainer/model/embedding_dot.h"

#include <ATen/TensorOperators.h>

namespace hearth {

EmbeddingDot::EmbeddingDot(const ModelOptions& options, const InputSchema& schema,
                           double output_offset, ParameterLayout& layout)
    : TwoTowers("embedding_dot", options, schema, {.tasks = options.dim, .items = options.dim + 1},
                FieldCombination::kSum, layout),
      dim_(options.dim) {
  head_ = {.layers = {TaskLinear(layout, "user_vector", options.dim, 1)},
           .output_offset = output_offset};
  AdaptAllLayers();
}

HeadRows EmbeddingDot::MakeHeadRows(const EncodedRows& rows) const {
  const at::Tensor factors = rows.items.narrow(2, 0, dim_);
  return {.x = {.x = factors, .id = rows.input_id},
          .shift = (factors * rows.context).sum(2) + rows.items.select(2, dim_)};
}

}  // namespace hearth
