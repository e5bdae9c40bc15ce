#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sampler/task_options.h"

namespace hearth {

/// The place of a chunk: it has the tasks begin..end-1 of a shard in the order of the epoch.
struct ChunkPlace {
  int64_t shard = 0;
  int64_t begin = 0, end = 0;
  bool operator==(const ChunkPlace&) const = default;
};

/// Counts the chunks of `task_count` tasks of a shard.
int64_t ChunksOf(int64_t task_count, const TaskOptions& options);

/// Returns all chunks of one epoch in training order. It permutes the shards, cuts them into
/// windows of options.shard_window shards, and permutes the chunks of each window. Few shards are
/// then in use at a time, and neighbours in a shard are still far apart. `task_counts`: eligible
/// tasks per shard. The result is a pure function of the arguments.
std::vector<ChunkPlace> OrderOfEpoch(std::span<const int64_t> task_counts,
                                     const TaskOptions& options, uint64_t seed, int64_t epoch);

/// Returns the order of a shard's tasks in an epoch: a permutation of 0..task_count-1.
std::vector<int64_t> OrderOfTasks(int64_t shard, int64_t task_count, uint64_t seed, int64_t epoch);

}  // namespace hearth
