#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

#include "sampler/meta_batch.h"
#include "trainer/model/bound_entities.h"

namespace hearth {

/// Tensors of one field for a list of entities.
struct FieldBatch {
  // Set for categorical fields. `index` points into the rows gathered for the field's table.
  at::Tensor index;          ///< int64 [id]
  at::Tensor segment;        ///< int64 [id] entity of each id; undefined: exactly one id per entity
  at::Tensor inverse_count;  ///< [entity, 1] 1 / ids of the entity (0 when it has none)
  // Set for numeric fields.
  at::Tensor numbers;  ///< [entity, width]
};

/// Tensors of a list of entities: one FieldBatch per field of the side.
struct EntityBatch {
  int64_t count = 0;
  std::vector<FieldBatch> fields;
};

/// Support or query rows of a chunk, padded to its longest task. Negatives that are rows
/// (Chunk::negatives_are_rows) follow the events of their task, with label 0.
struct RowBatch {
  at::Tensor entity;         ///< int64 [tasks, rows] position in ChunkBatch::items
  at::Tensor labels;         ///< [tasks, rows], 0 in the padding
  at::Tensor mask;           ///< [tasks, rows] 1 for a row, 0 for padding
  at::Tensor inverse_count;  ///< [tasks] 1 / rows of the task
  at::Tensor negatives;  ///< int64 [tasks, rows, negatives] positions in items; may be undefined
};

/// The tensors of a chunk that do not depend on parameters, ready for a model. They depend on the
/// chunk alone, so the arithmetic of the chunk depends on the chunk alone, too.
struct ChunkBatch {
  int64_t task_count = 0;
  int64_t query_row_count = 0;
  EntityBatch tasks;  ///< the tasks' owners, one per task
  EntityBatch items;  ///< the unique items of support, query and negatives
  RowBatch support, query;
  /// The unique rows of each embedding table that the chunk touches, ascending: [table][row].
  std::vector<std::vector<int64_t>> table_rows;
};

/// Turns chunks and lists of entities into tensors. Each categorical field has a table. Tables are
/// numbered in field order: the task side's fields first, then the row side's fields.
class BatchBuilder {
 public:
  /// `tasks` and `items` must outlive the builder. `options`: type and device of the tensors.
  BatchBuilder(const BoundEntities& tasks, const BoundEntities& items, at::TensorOptions options)
      : tasks_(tasks), items_(items), options_(options) {}

  ChunkBatch Build(const Chunk& chunk) const;

  /// All table rows that the batches of these chunks name: [table] unique, ascending.
  std::vector<std::vector<int64_t>> TableRowsOf(std::span<const Chunk> chunks) const;
  /// All table rows of the entities in two lists: [table] unique, ascending.
  std::vector<std::vector<int64_t>> TableRowsOf(std::span<const int64_t> tasks,
                                                std::span<const int64_t> items) const;

  /// Makes a batch of entities without rows, to encode a catalogue. Fills `tasks` and `items`; each
  /// list may be empty.
  ChunkBatch BuildEntities(std::span<const int64_t> tasks, std::span<const int64_t> items) const;

 private:
  EntityBatch MakeEntities(const BoundEntities& side, std::span<const int64_t> entities,
                           bool hide_ids, std::vector<std::vector<int64_t>>& table_rows) const;
  // Positions in the unique items of a chunk, for the items and the negatives of some rows.
  struct ItemPositions {
    std::span<const int64_t> items, negatives;
  };
  RowBatch MakeRows(const TaskRows& rows, const ItemPositions& positions,
                    int64_t negatives_per_row) const;

  const BoundEntities& tasks_;
  const BoundEntities& items_;
  at::TensorOptions options_;
};

}  // namespace hearth
