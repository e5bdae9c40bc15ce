#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "storage/shard/dataset.h"

namespace hearth {

/// All training events in memory, for the fit of baselines. Rows are tasks and columns are items;
/// the storage is sparse, 8 bytes per event.
struct TrainingLog {
  std::vector<int64_t> offsets{0};  ///< [row + 1]
  std::vector<uint32_t> columns;    ///< [event] 0..column_count-1
  std::vector<float> labels;        ///< [event]
  int64_t column_count = 0;
  /// True: every event is positive; an untouched item is unknown, not negative.
  bool positive_only = false;

  int64_t row_count() const { return std::ssize(offsets) - 1; }
  int64_t event_count() const { return std::ssize(columns); }
  std::span<const uint32_t> ColumnsOf(int64_t row) const;
  std::span<const float> LabelsOf(int64_t row) const;
  /// The mean label of all events; 0 without events.
  double MeanLabel() const;

  void AddRow(std::span<const uint32_t> row_columns, std::span<const float> row_labels);
  /// True when every label is 0 or 1, and both occur.
  bool is_binary() const;
  /// The events of label > 0 as a positive-only log with the same rows and columns.
  TrainingLog Positives() const;
  /// Turns rows into columns. The events of each new row are ordered by old row.
  TrainingLog Transposed() const;
};

/// Reads the training part of a data set: one row per task in the order of the shards, one column
/// per entity of Dataset::event_entities().
TrainingLog ReadTrainingLog(const Dataset& dataset);

}  // namespace hearth
