#pragma once

#include <cstdint>
#include <vector>

#include "common/rank_place.h"
#include "sampler/chunk_builder.h"
#include "sampler/meta_batch.h"
#include "sampler/part_tasks.h"

namespace hearth {

struct EvaluationEpisodesOptions {
  int64_t support = 0;    ///< support rows per task; 0 = TaskOptions::support
  int64_t draws = 1;      ///< episodes per task; >= 1
  int64_t max_tasks = 0;  ///< use this many tasks, spread evenly over the part; 0 = all
  uint64_t seed = 0;      ///< seed of the run
};

/// The fixed episodes for evaluating a part. A task has `draws` episodes, each a pure function of
/// (seed, part, task id, draw), so every method, baseline and checkpoint meets the same episodes.
/// EpisodeSampler::ForEvaluation says how much the episodes of different support sizes share.
/// Chunks are dealt to ranks by cost. Thread safe after construction.
class EvaluationEpisodes {
 public:
  /// `dataset` must outlive this object. A part without eligible tasks gives no episodes.
  EvaluationEpisodes(const Dataset& dataset, Part part, const TaskOptions& task_options,
                     const EvaluationEpisodesOptions& options, RankPlace place = {});

  /// Counts the evaluated tasks of all ranks; each has options.draws episodes.
  int64_t task_count() const { return task_count_; }
  /// Count the tasks of the part that have enough events, and all tasks of the part.
  int64_t eligible_task_count() const { return tasks_.eligible_task_count(); }
  int64_t part_task_count() const { return tasks_.task_count(); }

  /// Counts the chunks of all draws over all ranks; Chunk::number runs through them.
  int64_t global_chunk_count() const { return std::ssize(chunks_) * options_.draws; }
  /// Counts the chunks of this rank. They ascend by number.
  int64_t chunk_count() const { return std::ssize(own_numbers_); }
  /// Builds a chunk of this rank. 0 <= index < chunk_count().
  Chunk Build(int64_t index) const;
  /// Returns the draw of a chunk, 0..draws-1.
  int64_t DrawOf(const Chunk& chunk) const { return chunk.number / std::ssize(chunks_); }

 private:
  struct ChunkTasks {
    int64_t shard = 0;
    std::vector<int64_t> tasks;  // positions in the shard
  };

  void ChooseTasks(Part part, int64_t chunk_size);
  uint64_t StreamOf(int64_t draw) const;

  EvaluationEpisodesOptions options_;
  PartTasks tasks_;
  ChunkBuilder chunk_builder_;
  uint64_t stream_base_;
  std::vector<ChunkTasks> chunks_;    // chunks of one draw; all draws have the same
  std::vector<int64_t> own_numbers_;  // numbers of this rank's chunks
  int64_t task_count_ = 0;
};

}  // namespace hearth
