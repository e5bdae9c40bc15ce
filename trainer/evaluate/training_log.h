#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "storage/shard/dataset.h"

namespace hearth {

/// All training events in memory, as sparse rows: 8 bytes per event. What baselines are fitted on.
struct TrainingLog {
  std::vector<int64_t> offsets{0};  ///< [row + 1]
  std::vector<uint32_t> columns;    ///< [event] 0..column_count-1
  std::vector<float> labels;        ///< [event]
  int64_t column_count = 0;
  /// Every event is a positive of label 1; what a task did not touch is unknown, not negative.
  bool positive_only = false;

  int64_t row_count() const { return static_cast<int64_t>(offsets.size()) - 1; }
  int64_t event_count() const { return static_cast<int64_t>(columns.size()); }
  std::span<const uint32_t> ColumnsOf(int64_t row) const;
  std::span<const float> LabelsOf(int64_t row) const;
  /// 0 without events.
  double MeanLabel() const;

  void AddRow(std::span<const uint32_t> row_columns, std::span<const float> row_labels);
  /// Rows become columns; each new row is ordered by old row.
  TrainingLog Transposed() const;
};

/// The training part of a data set: one row per task in the order of the shards, a column per
/// entity of Dataset::event_entities().
TrainingLog ReadTrainingLog(const Dataset& dataset);

}  // namespace hearth
