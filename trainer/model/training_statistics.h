#pragma once

#include <cstdint>
#include <vector>

#include "storage/shard/dataset.h"

namespace hearth {

/// Counts over the training part, in one pass over its shards.
struct TrainingStatistics {
  std::vector<int64_t> event_counts;  ///< [event entity] training events of each item
  int64_t total_count = 0;            ///< training events
  double label_mean = 0.0;
};

/// Throws DataError when the data set has no training events.
TrainingStatistics ComputeTrainingStatistics(const Dataset& dataset);

}  // namespace hearth
