#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "common/random.h"
#include "sampler/episode_sampler.h"
#include "sampler/meta_batch.h"
#include "sampler/task_negatives.h"
#include "storage/shard/dataset.h"

namespace hearth {

/// The use of chunks. An evaluated support set has the negatives that a served user would have
/// (TaskNegatives::CandidatesForSupport). Query rows of an evaluation get negatives beside them but
/// no further rows: they are what is measured.
enum class ChunkUse { kTraining, kEvaluation };

/// Fills chunks with an episode per task and its negatives. Thread safe after construction.
class ChunkBuilder {
 public:
  /// `dataset` must outlive this object.
  ChunkBuilder(const Dataset& dataset, Part part, const TaskOptions& options,
               const EpisodeSampler& sampler, uint64_t seed, ChunkUse use = ChunkUse::kTraining);

  /// Builds one chunk of the given tasks (positions in the shard, all eligible). The episodes are a
  /// pure function of (seed, draw, task id); `draw` is any number, e.g. the epoch.
  /// Build and Sizes throw DataError when the shard's file was changed since it was opened.
  Chunk Build(const ShardReader& shard, std::span<const int64_t> tasks, uint64_t draw) const;

  /// Counts the rows of Build(shard, tasks, draw) over all tasks, without building.
  EpisodeSizes Sizes(const ShardReader& shard, std::span<const int64_t> tasks, uint64_t draw) const;

  /// The items that a chunk of these sizes scores, negatives included: its cost for DealChunks.
  int64_t CostOf(const EpisodeSizes& sizes) const;

 private:
  TaskView EligibleTask(const ShardReader& shard, int64_t index) const;
  RandomStream EpisodeStream(const TaskView& task, uint64_t draw) const;
  bool QueryHasNegatives() const;
  void AppendTask(const TaskView& task, uint64_t draw, Chunk* chunk) const;
  void AppendNegatives(const TaskView& task, const Episode& episode, uint64_t draw,
                       Chunk* chunk) const;

  TaskOptions options_;
  EpisodeSampler sampler_;
  uint64_t seed_;
  ChunkUse use_;
  std::optional<TaskNegatives> negatives_;
};

}  // namespace hearth
