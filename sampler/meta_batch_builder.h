#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <vector>

#include "common/rank_place.h"
#include "sampler/chunk_builder.h"
#include "sampler/epoch_order.h"
#include "sampler/meta_batch.h"
#include "sampler/part_tasks.h"

namespace hearth {

/// Makes the meta-batch of any step from (seed, step): its tasks, its episodes and this rank's
/// share of the chunks. It keeps the order of one epoch and of the shards in use, nothing else. Not
/// thread safe.
class MetaBatchBuilder {
 public:
  /// Throws DataError when no task of the part has enough events.
  MetaBatchBuilder(const Dataset& dataset, Part part, const TaskOptions& options, uint64_t seed,
                   RankPlace place);

  MetaBatch Build(int64_t step);

  int64_t steps_per_epoch() const { return steps_per_epoch_; }
  const PartTasks& tasks() const { return tasks_; }

 private:
  void EnterEpoch(int64_t epoch);
  // Returns the tasks of a chunk of the current epoch as positions in the shard.
  std::span<const int64_t> TasksOf(const ChunkPlace& place);
  // True for the share of chunks with hidden item ids: a function of (seed, step, chunk).
  bool HidesItemIds(int64_t step, int64_t chunk) const;
  // Prefetches the shards that come into use within the next window.
  void PrefetchAfter(int64_t chunk_position);

  TaskOptions options_;
  uint64_t seed_;
  RankPlace place_;
  PartTasks tasks_;
  ChunkBuilder chunk_builder_;
  int64_t chunks_per_step_, steps_per_epoch_;

  int64_t epoch_ = -1;
  std::vector<ChunkPlace> order_;                       // order of epoch_
  std::map<int64_t, std::vector<int64_t>> task_lists_;  // [shard] its tasks in the order of epoch_
  std::set<int64_t> prefetched_;                        // shards prefetched in epoch_
};

}  // namespace hearth
