#include "sampler/meta_batch.h"

namespace hearth {
namespace {

template <typename T>
std::vector<T> Slice(const std::vector<T>& rows, int64_t begin, int64_t end) {
  if (rows.empty()) return {};
  return {rows.begin() + begin, rows.begin() + end};
}

TaskRows RowsOfTask(const TaskRows& rows, int64_t task, int64_t negatives_per_row) {
  const int64_t begin = rows.offsets[task], end = rows.offsets[task + 1];
  return {.offsets = {0, end - begin},
          .items = Slice(rows.items, begin, end),
          .labels = Slice(rows.labels, begin, end),
          .times = Slice(rows.times, begin, end),
          .negatives = Slice(rows.negatives, begin * negatives_per_row, end * negatives_per_row)};
}

TaskRows AppendNegativesAsRows(const TaskRows& rows, int64_t negatives_per_row) {
  if (rows.negatives.empty()) return rows;
  TaskRows all;
  for (int64_t t = 0; t < rows.task_count(); ++t) {
    const TaskRows task = RowsOfTask(rows, t, negatives_per_row);
    all.items.insert(all.items.end(), task.items.begin(), task.items.end());
    all.items.insert(all.items.end(), task.negatives.begin(), task.negatives.end());
    all.labels.insert(all.labels.end(), task.labels.begin(), task.labels.end());
    all.labels.resize(all.items.size(), 0.0f);
    all.offsets.push_back(std::ssize(all.items));
  }
  return all;
}

}  // namespace

Chunk WithNegativeRows(const Chunk& chunk) {
  Chunk all = chunk;
  all.support = AppendNegativesAsRows(chunk.support, chunk.negatives_per_row);
  all.query = AppendNegativesAsRows(chunk.query, chunk.negatives_per_row);
  all.support.times.clear();
  all.query.times.clear();
  all.negatives_per_row = 0;
  all.negatives_are_rows = false;
  return all;
}

Chunk TaskOfChunk(const Chunk& chunk, int64_t task) {
  Chunk single = {.number = chunk.number,
                  .task_ids = {chunk.task_ids[task]},
                  .support = RowsOfTask(chunk.support, task, chunk.negatives_per_row),
                  .query = RowsOfTask(chunk.query, task, chunk.negatives_per_row)};
  single.negatives_per_row = chunk.negatives_per_row;
  single.negatives_are_rows = chunk.negatives_are_rows;
  single.hide_item_ids = chunk.hide_item_ids;
  return single;
}

}  // namespace hearth
