#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sampler/episode_sampler.h"
#include "storage/shard/dataset.h"

namespace hearth {

/// The tasks of one part that have enough events for an episode. Thread safe after construction.
class PartTasks {
 public:
  /// Opens every shard of the part. Throws ConfigError for order kGiven on data without roles.
  /// `dataset` must outlive this object.
  PartTasks(const Dataset& dataset, Part part, const TaskOptions& options);

  /// The order of the manifest numbers the shards of the part from 0.
  int64_t shard_count() const { return std::ssize(shards_); }
  const ShardReader& shard(int64_t number) const { return *shards_[number]; }
  /// Returns [shard] the count of eligible tasks.
  std::span<const int64_t> eligible_counts() const { return eligible_counts_; }
  /// Returns the positions of the eligible tasks in a shard, ascending.
  std::vector<int64_t> EligibleIn(int64_t shard_number) const;

  int64_t task_count() const { return task_count_; }
  int64_t eligible_task_count() const { return eligible_task_count_; }

 private:
  EpisodeSampler sampler_;
  std::vector<const ShardReader*> shards_;
  std::vector<int64_t> eligible_counts_;  // [shard]
  int64_t task_count_ = 0;
  int64_t eligible_task_count_ = 0;
};

}  // namespace hearth
