#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sampler/task_options.h"

namespace hearth {

/// A chunk's place: tasks begin..end-1 of a shard's tasks in the epoch's order.
struct ChunkPlace {
  int64_t shard = 0;
  int64_t begin = 0, end = 0;
  bool operator==(const ChunkPlace&) const = default;
};

/// Chunks that `task_count` tasks of a shard are cut into.
int64_t ChunksOf(int64_t task_count, const TaskOptions& options);

/// All chunks of one epoch in the order they are trained on: shards permuted, windows of
/// options.shard_window of them, the chunks of a window permuted. Few shards are then in use at a
/// time, and neighbours in a shard are still far apart.
/// `task_counts`: eligible tasks per shard. A pure function of its arguments.
std::vector<ChunkPlace> OrderOfEpoch(std::span<const int64_t> task_counts,
                                     const TaskOptions& options, uint64_t seed, int64_t epoch);

/// The order of a shard's tasks in an epoch: a permutation of 0..task_count-1.
std::vector<int64_t> OrderOfTasks(int64_t shard, int64_t task_count, uint64_t seed, int64_t epoch);

}  // namespace hearth
