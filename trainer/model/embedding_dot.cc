#include "trainer/model/embedding_dot.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/bmm.h>

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

at::Tensor EmbeddingDot::Score(const ParameterValues& values, const at::Tensor& tasks,
                               const at::Tensor& items) const {
  const at::Tensor factors = items.narrow(2, 0, dim_);
  const at::Tensor item_bias = items.select(2, dim_);
  const at::Tensor from_features = at::bmm(factors, tasks.unsqueeze(2)).squeeze(2);
  const at::Tensor adapted = user_vector().Forward(values, factors).squeeze(2);
  return from_features + adapted + item_bias + head_layers_.output_offset;
}

HeadRows EmbeddingDot::MakeHeadRows(const at::Tensor& tasks, const at::Tensor& items) const {
  const at::Tensor factors = items.narrow(1, 0, dim_);
  return {.x = factors, .shift = (factors * tasks).sum(1) + items.select(1, dim_)};
}

}  // namespace hearth
