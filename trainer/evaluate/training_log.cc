#include "trainer/evaluate/training_log.h"

#include <algorithm>
#include <numeric>

namespace hearth {

std::span<const uint32_t> TrainingLog::ColumnsOf(int64_t row) const {
  return std::span(columns).subspan(offsets[row], offsets[row + 1] - offsets[row]);
}

std::span<const float> TrainingLog::LabelsOf(int64_t row) const {
  return std::span(labels).subspan(offsets[row], offsets[row + 1] - offsets[row]);
}

double TrainingLog::MeanLabel() const {
  if (labels.empty()) return 0.0;
  return std::accumulate(labels.begin(), labels.end(), 0.0) / static_cast<double>(labels.size());
}

void TrainingLog::AddRow(std::span<const uint32_t> row_columns, std::span<const float> row_labels) {
  columns.insert(columns.end(), row_columns.begin(), row_columns.end());
  labels.insert(labels.end(), row_labels.begin(), row_labels.end());
  offsets.push_back(event_count());
}

bool TrainingLog::is_binary() const {
  const auto ones = std::ranges::count(labels, 1.0f), zeros = std::ranges::count(labels, 0.0f);
  return ones > 0 && zeros > 0 && ones + zeros == std::ssize(labels);
}

TrainingLog TrainingLog::Positives() const {
  TrainingLog result;
  result.column_count = column_count;
  result.positive_only = true;
  for (int64_t row = 0; row < row_count(); ++row) {
    for (int64_t event = offsets[row]; event < offsets[row + 1]; ++event) {
      if (labels[event] <= 0.0f) continue;
      result.columns.push_back(columns[event]);
      result.labels.push_back(1.0f);
    }
    result.offsets.push_back(result.event_count());
  }
  return result;
}

TrainingLog TrainingLog::Transposed() const {
  TrainingLog result;
  result.column_count = row_count();
  result.positive_only = positive_only;
  result.offsets.assign(column_count + 1, 0);
  for (const uint32_t column : columns) ++result.offsets[column + 1];
  std::partial_sum(result.offsets.begin(), result.offsets.end(), result.offsets.begin());
  std::vector<int64_t> next(result.offsets.begin(), result.offsets.end() - 1);
  result.columns.resize(columns.size());
  result.labels.resize(labels.size());
  for (int64_t row = 0; row < row_count(); ++row) {
    for (int64_t event = offsets[row]; event < offsets[row + 1]; ++event) {
      const int64_t to = next[columns[event]]++;
      result.columns[to] = static_cast<uint32_t>(row);
      result.labels[to] = labels[event];
    }
  }
  return result;
}

TrainingLog ReadTrainingLog(const Dataset& dataset) {
  TrainingLog log;
  log.column_count = dataset.event_entities().size();
  log.positive_only = dataset.manifest().positive_only;
  for (const int64_t shard : dataset.ShardsOf(kTrainPart)) {
    const ShardReader& reader = dataset.Shard(shard);
    for (int64_t task = 0; task < reader.task_count(); ++task) {
      const TaskView view = reader.task(task);
      log.AddRow(view.items, view.labels);
    }
  }
  return log;
}

}  // namespace hearth
