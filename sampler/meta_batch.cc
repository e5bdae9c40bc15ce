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

}  // namespace

Chunk TaskOfChunk(const Chunk& chunk, int64_t task) {
  Chunk single = {.number = chunk.number,
                  .task_ids = {chunk.task_ids[task]},
                  .support = RowsOfTask(chunk.support, task, chunk.negatives_per_row),
                  .query = RowsOfTask(chunk.query, task, chunk.negatives_per_row)};
  single.negatives_per_row = chunk.negatives_per_row;
  single.hide_item_ids = chunk.hide_item_ids;
  return single;
}

}  // namespace hearth
