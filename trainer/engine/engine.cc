#include "trainer/engine/engine.h"

namespace hearth {
namespace {

template <typename T>
void AppendSlice(const std::vector<T>& from, int64_t begin, int64_t end, std::vector<T>& to) {
  if (from.empty()) return;
  to.insert(to.end(), from.begin() + begin, from.begin() + end);
}

TaskRows SelectRows(const TaskRows& rows, const std::vector<int64_t>& keep, int64_t negatives) {
  TaskRows selected;
  for (const int64_t task : keep) {
    const int64_t begin = rows.offsets[static_cast<size_t>(task)];
    const int64_t end = rows.offsets[static_cast<size_t>(task) + 1];
    AppendSlice(rows.items, begin, end, selected.items);
    AppendSlice(rows.labels, begin, end, selected.labels);
    AppendSlice(rows.times, begin, end, selected.times);
    AppendSlice(rows.history_begin, begin, end, selected.history_begin);
    AppendSlice(rows.history_end, begin, end, selected.history_end);
    AppendSlice(rows.negatives, begin * negatives, end * negatives, selected.negatives);
    AppendSlice(rows.negative_log_probability, begin * negatives, end * negatives,
                selected.negative_log_probability);
    selected.offsets.push_back(selected.offsets.back() + end - begin);
  }
  return selected;
}

}  // namespace

Chunk SelectTasks(const Chunk& chunk, const std::vector<int64_t>& keep) {
  Chunk selected;
  selected.number = chunk.number;
  for (const int64_t task : keep) {
    selected.task_ids.push_back(chunk.task_ids[static_cast<size_t>(task)]);
  }
  selected.support = SelectRows(chunk.support, keep, chunk.negatives_per_row);
  selected.query = SelectRows(chunk.query, keep, chunk.negatives_per_row);
  selected.history = chunk.history;  // rows' windows index into the whole list
  selected.negatives_per_row = chunk.negatives_per_row;
  return selected;
}

}  // namespace hearth
