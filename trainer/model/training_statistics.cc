#include "trainer/model/training_statistics.h"

#include "common/error.h"

namespace hearth {

TrainingStatistics ComputeTrainingStatistics(const Dataset& dataset) {
  TrainingStatistics statistics;
  statistics.event_counts.resize(static_cast<size_t>(dataset.event_entities().size()));
  double label_sum = 0.0;
  for (const int64_t shard_index : dataset.ShardsOf(kTrainPart)) {
    const ShardReader& shard = dataset.Shard(shard_index);
    for (int64_t t = 0; t < shard.task_count(); ++t) {
      const TaskView task = shard.task(t);
      for (const uint32_t item : task.items) ++statistics.event_counts[item];
      for (const float label : task.labels) label_sum += label;
      statistics.total_count += task.size();
    }
  }
  if (statistics.total_count == 0) {
    throw DataError(
        "data set '{}' has no training events: its training part is empty; "
        "see 'hearth data describe'",
        dataset.path());
  }
  statistics.label_mean = label_sum / static_cast<double>(statistics.total_count);
  return statistics;
}

}  // namespace hearth
