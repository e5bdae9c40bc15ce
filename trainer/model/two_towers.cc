#include "trainer/model/two_towers.h"

#include "common/error.h"

namespace hearth {

TwoTowers::TwoTowers(const std::string& name, const ModelOptions& options,
                     const InputSchema& schema, Widths widths, FieldCombination combination,
                     ParameterLayout& layout)
    : task_encoder_(schema.task_fields, widths.tasks, options.init_scale, combination, layout,
                    tables_),
      item_encoder_(schema.row_fields, widths.items, options.init_scale, combination, layout,
                    tables_) {
  if (item_encoder_.field_count() > 0) return;
  throw ConfigError("model {} has no item field: set model.item_id=true or name item features",
                    name);
}

EncodedEntities TwoTowers::Encode(const ParameterValues& values, const ChunkBatch& batch,
                                  const std::vector<at::Tensor>& rows) const {
  return {.tasks = task_encoder_.Encode(values, batch.tasks, rows),
          .items = item_encoder_.Encode(values, batch.items, rows)};
}

void TwoTowers::AdaptAllLayers() {
  for (const TaskLinear& layer : head_.layers) {
    adaptable_.push_back(layer.weight());
    adaptable_.push_back(layer.bias());
  }
}

}  // namespace hearth
