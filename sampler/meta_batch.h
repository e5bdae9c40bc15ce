#pragma once

#include <cstdint>
#include <vector>

namespace hearth {

/// Rows (events) of several tasks, one after the other. Rows of task t are
/// offsets[t]..offsets[t+1]-1. Ids and labels only: side features stay in EntityTables.
struct TaskRows {
  std::vector<int64_t> offsets{0};  ///< [task + 1]
  std::vector<int64_t> items;       ///< [row] index into Dataset::event_entities()
  std::vector<float> labels;        ///< [row]
  std::vector<int64_t> times;       ///< [row] or empty
  /// Window into Chunk::history of the task: what had happened before this row.
  std::vector<int64_t> history_begin, history_end;  ///< [row] or empty
  /// Sampled negatives, `negatives_per_row` for each row: [row * negatives_per_row] or empty.
  std::vector<int64_t> negatives;
  std::vector<float> negative_log_probability;  ///< log of the probability each was drawn with

  int64_t task_count() const { return static_cast<int64_t>(offsets.size()) - 1; }
  int64_t row_count() const { return offsets.back(); }
};

/// A fixed-size group of tasks of one shard: the unit of dealing to ranks and of determinism.
/// What is in a chunk is a pure function of (seed, step, number), never of rank or world size.
struct Chunk {
  int64_t number = 0;             ///< position in the step's meta-batch over all ranks
  std::vector<int64_t> task_ids;  ///< [task] index into Dataset::task_entities()
  TaskRows support;               ///< >= 1 row per task
  TaskRows query;                 ///< >= 1 row per task
  std::vector<int64_t> history;   ///< items of all tasks' histories, back to back; see TaskRows
  int64_t negatives_per_row = 0;
  /// Every item uses the row of the unknown, as if all were new (TaskOptions::hidden_item_share).
  bool hide_item_ids = false;

  int64_t task_count() const { return static_cast<int64_t>(task_ids.size()); }
};

/// This rank's chunks of one outer step (may be none), and the counts over all ranks.
struct MetaBatch {
  int64_t step = 0;
  int64_t epoch = 0;
  std::vector<Chunk> chunks;
  int64_t global_task_count = 0;
  int64_t global_chunk_count = 0;
  int64_t global_query_row_count = 0;
};

}  // namespace hearth
