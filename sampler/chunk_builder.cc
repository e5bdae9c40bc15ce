#include "sampler/chunk_builder.h"

#include <algorithm>

namespace hearth {
namespace {

void AppendRows(const TaskView& task, const std::vector<int64_t>& positions, TaskRows* rows) {
  for (const int64_t position : positions) {
    const auto index = static_cast<size_t>(position);
    rows->items.push_back(task.items[index]);
    rows->labels.push_back(task.labels[index]);
    if (!task.times.empty()) rows->times.push_back(task.times[index]);
  }
  rows->offsets.push_back(std::ssize(rows->items));
}

void AppendDraws(const NegativeSampler::Candidates& candidates, int64_t count, RandomStream* stream,
                 TaskRows* rows) {
  for (int64_t i = 0; i < count; ++i) {
    const NegativeSampler::Draw draw = candidates.DrawOne(stream);
    rows->negatives.push_back(draw.item);
    rows->negative_log_probability.push_back(draw.log_probability);
  }
}

}  // namespace

ChunkBuilder::ChunkBuilder(const Dataset& dataset, Part part, const TaskOptions& options,
                           const EpisodeSampler& sampler, uint64_t seed)
    : options_(options), sampler_(sampler), seed_(seed) {
  if (options.negatives > 0) negatives_.emplace(dataset, part, options);
}

RandomStream ChunkBuilder::EpisodeStream(const TaskView& task, uint64_t draw) const {
  return RandomStream(seed_, Purpose::kEpisode, draw, static_cast<uint64_t>(task.id));
}

TaskView ChunkBuilder::EligibleTask(const ShardReader& shard, int64_t index) const {
  const TaskView task = shard.task(index);
  if (!sampler_.IsEligible(task)) shard.RefuseChanged();
  return task;
}

EpisodeSizes ChunkBuilder::Sizes(const ShardReader& shard, std::span<const int64_t> tasks,
                                 uint64_t draw) const {
  EpisodeSizes sum;
  for (const int64_t index : tasks) {
    const TaskView task = EligibleTask(shard, index);
    const EpisodeSizes sizes = sampler_.Sizes(task, EpisodeStream(task, draw));
    sum.support += sizes.support;
    sum.query += sizes.query;
  }
  shard.CheckUnchanged();
  return sum;
}

Chunk ChunkBuilder::Build(const ShardReader& shard, std::span<const int64_t> tasks,
                          uint64_t draw) const {
  Chunk chunk;
  chunk.negatives_per_row = options_.negatives;
  for (const int64_t index : tasks) AppendTask(EligibleTask(shard, index), draw, &chunk);
  shard.CheckUnchanged();  // what a mapped file had behind a cut was zeros
  return chunk;
}

void ChunkBuilder::AppendTask(const TaskView& task, uint64_t draw, Chunk* chunk) const {
  const Episode episode = sampler_.Draw(task, EpisodeStream(task, draw));
  chunk->task_ids.push_back(task.id);
  AppendRows(task, episode.support, &chunk->support);
  AppendRows(task, episode.query, &chunk->query);
  if (options_.history > 0) AppendHistory(task, episode, chunk);
  if (negatives_) AppendNegatives(task, episode, draw, chunk);
}

void ChunkBuilder::AppendHistory(const TaskView& task, const Episode& episode, Chunk* chunk) const {
  const int64_t start = std::ssize(chunk->history);
  for (const int64_t position : episode.support) {
    chunk->history.push_back(task.items[static_cast<size_t>(position)]);
  }
  const auto append = [&](const std::vector<int64_t>& positions, TaskRows* rows) {
    for (const int64_t position : positions) {
      const auto before = std::ranges::lower_bound(episode.support, position);
      const int64_t end = start + (before - episode.support.begin());
      rows->history_begin.push_back(std::max(start, end - options_.history));
      rows->history_end.push_back(end);
    }
  };
  append(episode.support, &chunk->support);
  append(episode.query, &chunk->query);
}

// Query rows first, so that their negatives do not depend on the size of the support set.
void ChunkBuilder::AppendNegatives(const TaskView& task, const Episode& episode, uint64_t draw,
                                   Chunk* chunk) const {
  const NegativeSampler::Candidates candidates = negatives_->CandidatesFor(task);
  RandomStream stream(seed_, Purpose::kNegative, draw, static_cast<uint64_t>(task.id));
  AppendDraws(candidates, std::ssize(episode.query) * options_.negatives, &stream, &chunk->query);
  AppendDraws(candidates, std::ssize(episode.support) * options_.negatives, &stream,
              &chunk->support);
}

}  // namespace hearth
