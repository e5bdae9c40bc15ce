#include "trainer/model/field_keys.h"

#include <algorithm>

#include <ATen/TensorOperators.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/full.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/tensor.h>

namespace hearth {
namespace {

at::Tensor PickRows(const at::Tensor& of_entities, const at::Tensor& entity) {
  std::vector<int64_t> shape = entity.sizes().vec();
  for (int64_t d = 1; d < of_entities.dim(); ++d) shape.push_back(of_entities.size(d));
  return at::index_select(of_entities, 0, entity.reshape({-1})).view(shape);
}

// Returns the ids of each entity, padded with -1: [entity, n].
at::Tensor PadIds(const FieldBatch& field, int64_t entity_count, const at::Tensor& ids) {
  const at::Tensor segment = field.segment.to(at::kCPU);
  const at::Tensor source = ids.to(at::kCPU);
  const auto* entity_of = segment.const_data_ptr<int64_t>();
  std::vector<int64_t> counts(entity_count, 0);
  for (int64_t i = 0; i < segment.numel(); ++i) ++counts[entity_of[i]];
  int64_t width = 1;
  for (const int64_t count : counts) width = std::max(width, count);
  at::Tensor padded = at::full({entity_count, width}, -1, source.options());
  std::ranges::fill(counts, 0);
  auto* to = padded.mutable_data_ptr<int64_t>();
  for (int64_t i = 0; i < segment.numel(); ++i) {
    const int64_t e = entity_of[i];
    to[e * width + counts[e]++] = source.const_data_ptr<int64_t>()[i];
  }
  return padded.to(ids.device());
}

FieldKeys KeysOfField(const FieldBatch& field, int64_t entity_count,
                      const std::vector<int64_t>& rows, const at::Tensor& entity) {
  const at::Tensor row_ids =
      at::tensor(at::ArrayRef<int64_t>(rows), at::TensorOptions().dtype(at::kLong))
          .to(field.index.device());
  const at::Tensor ids = at::index_select(row_ids, 0, field.index);
  if (!field.segment.defined()) return {.ids = PickRows(ids.unsqueeze(1), entity)};
  return {.ids = PickRows(PadIds(field, entity_count, ids), entity),
          .weights = PickRows(field.inverse_count.view({-1}), entity)};
}

}  // namespace

std::vector<FieldKeys> KeysOf(const EntityBatch& entities,
                              std::span<const std::vector<int64_t>> table_rows,
                              const at::Tensor& entity) {
  std::vector<FieldKeys> keys;
  int64_t table = 0;
  for (const FieldBatch& field : entities.fields) {
    if (field.numbers.defined()) {
      keys.push_back({.numbers = PickRows(field.numbers, entity)});
    } else {
      keys.push_back(KeysOfField(field, entities.count, table_rows[table++], entity));
    }
  }
  return keys;
}

at::Tensor FieldGram(const FieldKeys& left, const FieldKeys& right, at::TensorOptions real) {
  if (left.numbers.defined()) return at::bmm(left.numbers, right.numbers.transpose(1, 2));
  at::Tensor gram;
  if (left.ids.size(2) == 1 && right.ids.size(2) == 1) {
    gram = (left.ids == right.ids.transpose(1, 2)).to(real);  // a weight of 0 rules out padding
  } else {
    // Compares [tasks, left, n, 1, 1] with [tasks, 1, 1, right, m].
    const at::Tensor l = left.ids.unsqueeze(3).unsqueeze(4);
    const at::Tensor r = right.ids.unsqueeze(1).unsqueeze(1);
    gram = ((l == r) & (l >= 0)).sum(at::IntArrayRef{2, 4}).to(real);
  }
  if (left.weights.defined()) gram = gram * left.weights.unsqueeze(2);
  if (right.weights.defined()) gram = gram * right.weights.unsqueeze(1);
  return gram;
}

}  // namespace hearth
