#include "trainer/evaluate/training_log.h"

#include <numeric>

namespace hearth {

std::span<const uint32_t> TrainingLog::ColumnsOf(int64_t row) const {
  const auto begin = offsets[static_cast<size_t>(row)], end = offsets[static_cast<size_t>(row) + 1];
  return std::span(columns).subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
}

std::span<const float> TrainingLog::LabelsOf(int64_t row) const {
  const auto begin = offsets[static_cast<size_t>(row)], end = offsets[static_cast<size_t>(row) + 1];
  return std::span(labels).subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
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

TrainingLog TrainingLog::Transposed() const {
  TrainingLog result;
  result.column_count = row_count();
  result.positive_only = positive_only;
  result.offsets.assign(static_cast<size_t>(column_count) + 1, 0);
  for (const uint32_t column : columns) ++result.offsets[column + 1];
  std::partial_sum(result.offsets.begin(), result.offsets.end(), result.offsets.begin());
  std::vector<int64_t> next(result.offsets.begin(), result.offsets.end() - 1);
  result.columns.resize(columns.size());
  result.labels.resize(labels.size());
  for (int64_t row = 0; row < row_count(); ++row) {
    for (int64_t event = offsets[static_cast<size_t>(row)];
         event < offsets[static_cast<size_t>(row) + 1]; ++event) {
      const auto from = static_cast<size_t>(event);
      const auto to = static_cast<size_t>(next[columns[from]]++);
      result.columns[to] = static_cast<uint32_t>(row);
      result.labels[to] = labels[from];
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
