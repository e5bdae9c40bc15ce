#include "trainer/model/embedding_dot.h"

#include <ATen/TensorOperators.h>

#include "common/error.h"

namespace hearth {

EmbeddingDot::EmbeddingDot(const ModelOptions& options, const EntityFields& task_fields,
                           const EntityFields& item_fields, double output_offset)
    : dim_(options.dim),
      task_encoder_(task_fields, options.dim, options.init_scale, FieldCombination::kSum, layout_,
                    tables_),
      item_encoder_(item_fields, options.dim + 1, options.init_scale, FieldCombination::kSum,
                    layout_, tables_),
      head_layers_{.layers = {TaskLinear(layout_, "user_vector", options.dim, 1)},
                   .output_offset = output_offset} {
  if (item_encoder_.field_count() == 0) {
    throw ConfigError(
        "model embedding_dot has no item field: set model.item_id=true or name item features");
  }
  adaptable_ = head_ = {user_vector().weight(), user_vector().bias()};
}

at::Tensor EmbeddingDot::EncodeTasks(const ParameterValues& values, const ChunkBatch& batch,
                                     const std::vector<at::Tensor>& rows) const {
  return task_encoder_.Encode(values, batch.tasks, rows);
}

at::Tensor EmbeddingDot::EncodeItems(const ParameterValues& values, const ChunkBatch& batch,
                                     const std::vector<at::Tensor>& rows) const {
  return item_encoder_.Encode(values, batch.items, rows);
}

at::Tensor EmbeddingDot::Score(const ParameterValues& values, const at::Tensor& inputs) const {
  const HeadRows rows = MakeHeadRows(inputs);
  const at::Tensor adapted = user_vector().Forward(values, rows.x).squeeze(2);
  return adapted + rows.shift + head_layers_.output_offset;
}

HeadRows EmbeddingDot::MakeHeadRows(const at::Tensor& inputs) const {
  const at::Tensor user = inputs.narrow(2, 0, dim_);
  const at::Tensor factors = inputs.narrow(2, dim_, dim_);
  return {.x = factors, .shift = (factors * user).sum(2) + inputs.select(2, 2 * dim_)};
}

}  // namespace hearth
