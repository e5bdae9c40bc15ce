#pragma once

#include <cstdint>
#include <vector>

namespace hearth {

/// Rows (events) of several tasks, one task after the other. Task t has the rows
/// offsets[t]..offsets[t+1]-1. A row has ids and labels; side features stay in EntityTables.
struct TaskRows {
  std::vector<int64_t> offsets{0};  ///< [task + 1]
  std::vector<int64_t> items;       ///< [row] index into Dataset::event_entities()
  std::vector<float> labels;        ///< [row]
  std::vector<int64_t> times;       ///< [row] or empty
  /// Sampled negatives, Chunk::negatives_per_row for each row: [row * negatives_per_row] or empty.
  std::vector<int64_t> negatives;

  int64_t task_count() const { return std::ssize(offsets) - 1; }
  int64_t row_count() const { return offsets.back(); }
};

/// A fixed-size group of tasks of one shard. Chunks are dealt to ranks as a whole. The contents of
/// a chunk are a pure function of (seed, step, number) and never depend on rank or world size.
struct Chunk {
  int64_t number = 0;             ///< position in the step's meta-batch over all ranks
  std::vector<int64_t> task_ids;  ///< [task] index into Dataset::task_entities()
  TaskRows support;               ///< >= 1 row per task
  TaskRows query;                 ///< >= 1 row per task
  int64_t negatives_per_row = 0;
  bool negatives_are_rows = false;  ///< TaskOptions::negatives_are_rows
  /// Every item uses the row of the unknown, as if all were new (TaskOptions::hidden_item_share).
  bool hide_item_ids = false;

  int64_t task_count() const { return std::ssize(task_ids); }
};

/// One task of a chunk, as a chunk. Its rows keep their negatives.
Chunk TaskOfChunk(const Chunk& chunk, int64_t task);

/// The same chunk with its negatives as rows of label 0: the rows of a task are its events, then
/// the negatives of its events. It has no `negatives` and no `times`, because a negative has none.
Chunk WithNegativeRows(const Chunk& chunk);

/// The chunks of one outer step that this rank has (there may be none), and counts over all ranks.
struct MetaBatch {
  int64_t step = 0;
  int64_t epoch = 0;
  std::vector<Chunk> chunks;
  int64_t global_task_count = 0;
  int64_t global_chunk_count = 0;
  int64_t global_query_row_count = 0;
};

}  // namespace hearth
