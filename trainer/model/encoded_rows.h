#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "trainer/model/chunk_batch.h"

namespace hearth {

/// The feature vectors of a chunk's entities.
struct EncodedEntities {
  at::Tensor tasks;  ///< [tasks, a]
  at::Tensor items;  ///< [unique items, b]
};

/// Some rows of each task, encoded: a row is one item met by the owner of the task.
struct EncodedRows {
  at::Tensor entity = {};  ///< int64 [tasks, rows] position in ChunkBatch::items
  at::Tensor context =
      {};                 ///< [tasks, 1, a] of the owner; [tasks, rows, a] where rows differ in it
  at::Tensor items = {};  ///< [tasks, rows, b]
  /// LayerInputs::id of what a model reads of these rows.
  int64_t input_id = -1;

  bool defined() const { return items.defined(); }
};

/// The support or query rows of a chunk with their labels.
struct LabelledRows {
  EncodedRows rows;
  EncodedRows negatives;     ///< [tasks, rows * negatives], row by row; undefined without any
  at::Tensor labels;         ///< [tasks, rows], 0 in the padding
  at::Tensor mask;           ///< [tasks, rows] 1 for a row, 0 for padding
  at::Tensor inverse_count;  ///< [tasks] 1 / rows of the task
};

/// A chunk as adaptation and prediction see it. `batch` must outlive it.
struct EncodedChunk {
  const ChunkBatch& batch;
  LabelledRows support, query;
};

/// Picks the vectors of rows from those of the chunk's entities.
LabelledRows SelectRows(const EncodedEntities& entities, const RowBatch& rows);
EncodedChunk SelectChunk(const EncodedEntities& entities, const ChunkBatch& batch);

/// Every item as a row of every task: entity [tasks, items].
EncodedRows CrossRows(const EncodedEntities& entities);

/// Vectors of items for each row of a batch: items [unique, b], entity [tasks, rows] ->
/// [tasks, rows, b].
at::Tensor GatherRows(const at::Tensor& items, const at::Tensor& entity);

}  // namespace hearth
