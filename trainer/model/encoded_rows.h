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

/// The vectors of some rows of each task; a row is one item met by the owner of the task.
struct EncodedRows {
  at::Tensor entity = {};  ///< int64 [tasks, rows] position in ChunkBatch::items
  /// The owner's vector: [tasks, 1, a], or [tasks, rows, a] when the rows of a task differ in it.
  at::Tensor context = {};
  at::Tensor items = {};  ///< [tasks, rows, b]
  /// LayerInputs::id of the head's inputs for these rows.
  int64_t input_id = -1;

  bool defined() const { return items.defined(); }
};

/// The support or query rows of a chunk with their labels.
struct LabelledRows {
  EncodedRows rows;
  EncodedRows negatives;     ///< [tasks, rows * negatives], row by row; may be undefined
  at::Tensor labels;         ///< [tasks, rows], 0 in the padding
  at::Tensor mask;           ///< [tasks, rows] 1 for a row, 0 for padding
  at::Tensor inverse_count;  ///< [tasks] 1 / rows of the task
};

/// The form of a chunk that adaptation and prediction read. `batch` must outlive it.
struct EncodedChunk {
  const ChunkBatch& batch;
  LabelledRows support, query;
};

/// Picks the vectors of rows from the vectors of the chunk's entities.
LabelledRows SelectRows(const EncodedEntities& entities, const RowBatch& rows);
EncodedChunk SelectChunk(const EncodedEntities& entities, const ChunkBatch& batch);

/// Makes every item a row of every task: entity [tasks, items].
EncodedRows CrossRows(const EncodedEntities& entities);

/// Picks the item vector of each row of a batch: items [unique, b], entity [tasks, rows] ->
/// [tasks, rows, b].
at::Tensor GatherRows(const at::Tensor& items, const at::Tensor& entity);

}  // namespace hearth
