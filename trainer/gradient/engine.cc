#include "trainer/gradient/engine.h"

#include <cmath>
#include <limits>

#include <ATen/ops/zeros_like.h>

#include "trainer/tensor/finite.h"

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
    const int64_t begin = rows.offsets[task];
    const int64_t end = rows.offsets[task + 1];
    AppendSlice(rows.items, begin, end, selected.items);
    AppendSlice(rows.labels, begin, end, selected.labels);
    AppendSlice(rows.times, begin, end, selected.times);
    AppendSlice(rows.negatives, begin * negatives, end * negatives, selected.negatives);
    selected.offsets.push_back(selected.offsets.back() + end - begin);
  }
  return selected;
}

bool IsFiniteResult(const ChunkResult& result) {
  for (const double loss : result.query_loss) {
    if (!std::isfinite(loss)) return false;
  }
  for (const at::Tensor& gradient : result.row_gradients) {
    if (!IsFinite(gradient)) return false;
  }
  return IsFinite(result.dense_gradient);
}

// Returns the positions of the tasks whose loss and gradient are finite by themselves.
std::vector<int64_t> FindFiniteTasks(const Chunk& chunk, const ChunkResult& result,
                                     const std::function<ChunkResult(const Chunk&)>& compute) {
  std::vector<int64_t> keep;
  for (int64_t task = 0; task < chunk.task_count(); ++task) {
    if (!std::isfinite(result.query_loss[task])) continue;
    if (IsFiniteResult(compute(SelectTasks(chunk, {task})))) keep.push_back(task);
  }
  return keep;
}

}  // namespace

std::vector<at::Tensor> ToRowGradients(const std::vector<at::Tensor>& gradients,
                                       const std::vector<at::Tensor>& rows) {
  const size_t first = gradients.size() - rows.size();
  std::vector<at::Tensor> row_gradients;
  for (size_t t = 0; t < rows.size(); ++t) {
    at::Tensor gradient = gradients[first + t];
    if (!gradient.defined()) gradient = at::zeros_like(rows[t]);
    row_gradients.push_back(gradient.to(at::kCPU).contiguous());
  }
  return row_gradients;
}

ChunkResult ComputeFiniteTasks(const Chunk& chunk,
                               const std::function<ChunkResult(const Chunk&)>& compute) {
  ChunkResult result = compute(chunk);
  if (!IsFiniteResult(result)) {
    const std::vector<int64_t> keep = FindFiniteTasks(chunk, result, compute);
    std::vector<double> losses(result.query_loss.size(), std::numeric_limits<double>::quiet_NaN());
    if (keep.empty()) {
      result.dense_gradient.zero_();
      for (at::Tensor& gradient : result.row_gradients) gradient.zero_();
    } else {
      result = compute(SelectTasks(chunk, keep));
      for (size_t i = 0; i < keep.size(); ++i) losses[keep[i]] = result.query_loss[i];
    }
    result.query_loss = losses;
  }
  for (const double loss : result.query_loss) {
    if (!std::isfinite(loss)) continue;
    result.loss_sum += loss;
    ++result.finite_task_count;
  }
  return result;
}

Chunk SelectTasks(const Chunk& chunk, const std::vector<int64_t>& keep) {
  Chunk selected;
  selected.number = chunk.number;
  for (const int64_t task : keep) selected.task_ids.push_back(chunk.task_ids[task]);
  selected.support = SelectRows(chunk.support, keep, chunk.negatives_per_row);
  selected.query = SelectRows(chunk.query, keep, chunk.negatives_per_row);
  selected.negatives_per_row = chunk.negatives_per_row;
  selected.negatives_are_rows = chunk.negatives_are_rows;
  selected.hide_item_ids = chunk.hide_item_ids;
  return selected;
}

}  // namespace hearth
