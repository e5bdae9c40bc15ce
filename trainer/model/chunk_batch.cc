#include "trainer/model/chunk_batch.h"

#include <algorithm>
#include <numeric>

#include <ATen/ops/empty.h>

#include "common/id_groups.h"

namespace hearth {
namespace {

template <typename T>
at::Tensor CopyToTensor(const std::vector<T>& values, at::IntArrayRef shape, at::ScalarType type) {
  at::Tensor tensor = at::empty(shape, at::TensorOptions().dtype(type));
  std::copy(values.begin(), values.end(), tensor.mutable_data_ptr<T>());
  return tensor;
}

at::Tensor Int64Tensor(const std::vector<int64_t>& values, at::IntArrayRef shape,
                       const at::TensorOptions& options) {
  return CopyToTensor(values, shape, at::kLong).to(options.device());
}

template <typename Real>
at::Tensor RealTensor(const std::vector<Real>& values, at::IntArrayRef shape,
                      const at::TensorOptions& options) {
  return CopyToTensor(values, shape, c10::CppTypeToScalarType<Real>::value).to(options);
}

// True when each entity has exactly one id, in order; then no segment sum is needed.
bool IsOnePerEntity(const FieldIds& ids, int64_t entity_count) {
  if (std::ssize(ids.segment) != entity_count) return false;
  for (int64_t i = 0; i < entity_count; ++i) {
    if (ids.segment[i] != i) return false;
  }
  return true;
}

// Collects the ids of every table.
class TableRowLists {
 public:
  // Adds the ids of a side's entities. `table`: the side's first table. Returns the index after its
  // last table.
  size_t Add(size_t table, const BoundEntities& side, std::span<const int64_t> entities,
             bool hide_ids) {
    for (int64_t f = 0; f < std::ssize(side.fields()); ++f) {
      if (!side.fields()[f].is_categorical()) continue;
      if (table == ids_.size()) ids_.emplace_back();
      const std::vector<int64_t> ids = side.Ids(f, entities, hide_ids).ids;
      ids_[table].insert(ids_[table].end(), ids.begin(), ids.end());
      ++table;
    }
    return table;
  }
  std::vector<std::vector<int64_t>> Unique() && {
    for (std::vector<int64_t>& ids : ids_) ids = IdGroups(ids).ids();
    return std::move(ids_);
  }

 private:
  std::vector<std::vector<int64_t>> ids_;
};

}  // namespace

EntityBatch BatchBuilder::MakeEntities(const BoundEntities& side, std::span<const int64_t> entities,
                                       bool hide_ids,
                                       std::vector<std::vector<int64_t>>& table_rows) const {
  EntityBatch batch{.count = std::ssize(entities), .fields = {}};
  for (int64_t f = 0; f < std::ssize(side.fields()); ++f) {
    FieldBatch& out = batch.fields.emplace_back();
    const FieldSchema& field = side.fields()[f];
    if (!field.is_categorical()) {
      out.numbers = RealTensor(side.Numbers(f, entities), {batch.count, field.width()}, options_);
      continue;
    }
    const FieldIds ids = side.Ids(f, entities, hide_ids);
    IdGroups rows(ids.ids);
    const int64_t id_count = std::ssize(ids.ids);
    out.index = Int64Tensor(rows.GroupOfEach(), {id_count}, options_);
    if (!IsOnePerEntity(ids, batch.count)) {
      std::vector<double> counts(entities.size(), 0.0);
      for (const int64_t entity : ids.segment) counts[entity] += 1.0;
      for (double& count : counts) {
        if (count > 0.0) count = 1.0 / count;
      }
      out.segment = Int64Tensor(ids.segment, {id_count}, options_);
      out.inverse_count = RealTensor(counts, {batch.count, 1}, options_);
    }
    table_rows.push_back(std::move(rows).TakeIds());
  }
  return batch;
}

RowBatch BatchBuilder::MakeRows(const TaskRows& rows, const ItemPositions& positions,
                                int64_t negatives_per_row) const {
  const int64_t tasks = rows.task_count();
  int64_t width = 0;
  for (int64_t t = 0; t < tasks; ++t) {
    width = std::max(width, rows.offsets[t + 1] - rows.offsets[t]);
  }
  const int64_t padded = tasks * width;
  std::vector<int64_t> entity(padded, 0);
  std::vector<int64_t> negatives(padded * negatives_per_row, 0);
  std::vector<float> labels(padded, 0.0f), mask(padded, 0.0f);
  std::vector<double> inverse_count;
  for (int64_t t = 0; t < tasks; ++t) {
    const int64_t begin = rows.offsets[t];
    const int64_t end = rows.offsets[t + 1];
    inverse_count.push_back(1.0 / static_cast<double>(end - begin));
    for (int64_t row = begin; row < end; ++row) {
      const int64_t to = t * width + row - begin;
      entity[to] = positions.items[row];
      labels[to] = rows.labels[row];
      mask[to] = 1.0f;
      for (int64_t n = 0; n < negatives_per_row; ++n) {
        negatives[to * negatives_per_row + n] = positions.negatives[row * negatives_per_row + n];
      }
    }
  }
  RowBatch batch{.entity = Int64Tensor(entity, {tasks, width}, options_),
                 .labels = RealTensor(labels, {tasks, width}, options_),
                 .mask = RealTensor(mask, {tasks, width}, options_),
                 .inverse_count = RealTensor(inverse_count, {tasks}, options_),
                 .negatives = {}};
  if (negatives_per_row > 0) {
    batch.negatives = Int64Tensor(negatives, {tasks, width, negatives_per_row}, options_);
  }
  return batch;
}

ChunkBatch BatchBuilder::Build(const Chunk& chunk) const {
  if (chunk.negatives_are_rows) return Build(WithNegativeRows(chunk));
  std::vector<int64_t> all;
  for (const auto* list : {&chunk.support.items, &chunk.support.negatives, &chunk.query.items,
                           &chunk.query.negatives}) {
    all.insert(all.end(), list->begin(), list->end());
  }
  const IdGroups items(all);
  const std::vector<int64_t> position = items.GroupOfEach();
  std::span<const int64_t> rest = position;
  const auto take = [&](const std::vector<int64_t>& list) {
    const std::span<const int64_t> positions = rest.first(list.size());
    rest = rest.subspan(list.size());
    return positions;
  };
  const auto positions_of = [&](const TaskRows& rows) {
    const std::span<const int64_t> of_items = take(rows.items);
    return ItemPositions{of_items, take(rows.negatives)};
  };
  ChunkBatch batch;
  batch.task_count = chunk.task_count();
  batch.query_row_count = chunk.query.row_count();
  batch.tasks = MakeEntities(tasks_, chunk.task_ids, false, batch.table_rows);
  batch.items = MakeEntities(items_, items.ids(), chunk.hide_item_ids, batch.table_rows);
  batch.support = MakeRows(chunk.support, positions_of(chunk.support), chunk.negatives_per_row);
  batch.query = MakeRows(chunk.query, positions_of(chunk.query), chunk.negatives_per_row);
  return batch;
}

std::vector<std::vector<int64_t>> BatchBuilder::TableRowsOf(std::span<const Chunk> chunks) const {
  std::vector<int64_t> tasks, shown, hidden;
  for (const Chunk& chunk : chunks) {
    tasks.insert(tasks.end(), chunk.task_ids.begin(), chunk.task_ids.end());
    std::vector<int64_t>& to = chunk.hide_item_ids ? hidden : shown;
    for (const auto* list : {&chunk.support.items, &chunk.support.negatives, &chunk.query.items,
                             &chunk.query.negatives}) {
      to.insert(to.end(), list->begin(), list->end());
    }
  }
  TableRowLists lists;
  const size_t items = lists.Add(0, tasks_, tasks, /*hide_ids=*/false);
  lists.Add(items, items_, IdGroups(shown).ids(), /*hide_ids=*/false);
  lists.Add(items, items_, IdGroups(hidden).ids(), /*hide_ids=*/true);
  return std::move(lists).Unique();
}

std::vector<std::vector<int64_t>> BatchBuilder::TableRowsOf(std::span<const int64_t> tasks,
                                                            std::span<const int64_t> items) const {
  TableRowLists lists;
  const size_t of_items = lists.Add(0, tasks_, tasks, /*hide_ids=*/false);
  lists.Add(of_items, items_, items, /*hide_ids=*/false);
  return std::move(lists).Unique();
}

ChunkBatch BatchBuilder::BuildEntities(std::span<const int64_t> tasks,
                                       std::span<const int64_t> items) const {
  ChunkBatch batch;
  batch.task_count = std::ssize(tasks);
  batch.tasks = MakeEntities(tasks_, tasks, false, batch.table_rows);
  batch.items = MakeEntities(items_, items, false, batch.table_rows);
  return batch;
}

}  // namespace hearth
