#pragma once

#include <cstdint>
#include <vector>

#include "sampler/chunk_builder.h"
#include "sampler/deal.h"
#include "sampler/meta_batch.h"
#include "sampler/part_tasks.h"

namespace hearth {

struct EvaluationEpisodesOptions {
  int64_t support = 0;    ///< support rows per task in place of TaskOptions::support; 0 = that
  int64_t draws = 1;      ///< episodes per task; >= 1
  int64_t max_tasks = 0;  ///< use this many tasks, spread evenly over the part; 0 = all
  uint64_t seed = 0;      ///< of the run
};

/// The fixed episodes a part is evaluated on: `draws` per task, each a pure function of (seed,
/// part, task id, draw), so every method, baseline and checkpoint meets the same ones, and so does
/// every support size as far as EpisodeSampler::ForEvaluation says. Chunks are dealt to ranks by
/// cost. Thread safe after construction.
class EvaluationEpisodes {
 public:
  /// `dataset` must outlive this object. A part without eligible tasks gives no episodes.
  EvaluationEpisodes(const Dataset& dataset, Part part, const TaskOptions& task_options,
                     const EvaluationEpisodesOptions& options, RankPlace place = {});

  /// Tasks evaluated, over all ranks; each has options.draws episodes.
  int64_t task_count() const { return task_count_; }
  /// Tasks of the part with enough events, and all of them.
  int64_t eligible_task_count() const { return tasks_.eligible_task_count(); }
  int64_t part_task_count() const { return tasks_.task_count(); }

  /// Chunks of all draws over all ranks; Chunk::number counts through them.
  int64_t global_chunk_count() const { return std::ssize(chunks_) * options_.draws; }
  /// Chunks of this rank, ascending by number.
  int64_t chunk_count() const { return std::ssize(own_numbers_); }
  /// The chunk of this rank at 0 <= index < chunk_count().
  Chunk Build(int64_t index) const;
  /// The draw that a chunk belongs to, 0..draws-1.
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
  std::vector<ChunkTasks> chunks_;    // of one draw; all draws have the same
  std::vector<int64_t> own_numbers_;  // of this rank's chunks
  int64_t task_count_ = 0;
};

}  // namespace hearth
