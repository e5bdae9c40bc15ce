#include "trainer/model/encoded_rows.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/index_select.h>

namespace hearth {

LabelledRows SelectRows(const EncodedEntities& entities, const RowBatch& rows) {
  const auto select = [&](const at::Tensor& entity) {
    return EncodedRows{.entity = entity,
                       .context = entities.tasks.unsqueeze(1),
                       .items = GatherRows(entities.items, entity)};
  };
  LabelledRows selected{.rows = select(rows.entity),
                        .negatives = {},
                        .labels = rows.labels,
                        .mask = rows.mask,
                        .inverse_count = rows.inverse_count};
  if (rows.negatives.defined()) {
    selected.negatives = select(rows.negatives.reshape({rows.negatives.size(0), -1}));
  }
  return selected;
}

EncodedChunk SelectChunk(const EncodedEntities& entities, const ChunkBatch& batch) {
  return {.batch = batch,
          .support = SelectRows(entities, batch.support),
          .query = SelectRows(entities, batch.query)};
}

EncodedRows CrossRows(const EncodedEntities& entities) {
  const int64_t tasks = entities.tasks.size(0), items = entities.items.size(0);
  const auto integer = entities.items.options().dtype(at::kLong).requires_grad(false);
  return {.entity = at::arange(items, integer).expand({tasks, items}),
          .context = entities.tasks.unsqueeze(1),
          .items = entities.items.unsqueeze(0).expand({tasks, items, -1})};
}

at::Tensor GatherRows(const at::Tensor& items, const at::Tensor& entity) {
  return at::index_select(items, 0, entity.reshape({-1}))
      .view({entity.size(0), entity.size(1), items.size(1)});
}

}  // namespace hearth
