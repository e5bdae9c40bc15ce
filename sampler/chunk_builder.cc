#include "sampler/chunk_builder.h"

namespace hearth {
namespace {

void AppendRows(const TaskView& task, const std::vector<int64_t>& positions, TaskRows* rows) {
  for (const int64_t position : positions) {
    rows->items.push_back(task.items[position]);
    rows->labels.push_back(task.labels[position]);
    if (!task.times.empty()) rows->times.push_back(task.times[position]);
  }
  rows->offsets.push_back(std::ssize(rows->items));
}

void AppendDraws(const NegativeSampler::Candidates& candidates, int64_t count, RandomStream* stream,
                 TaskRows* rows) {
  for (int64_t i = 0; i < count; ++i) rows->negatives.push_back(candidates.DrawOne(stream));
}

}  // namespace

ChunkBuilder::ChunkBuilder(const Dataset& dataset, Part part, const TaskOptions& options,
                           const EpisodeSampler& sampler, uint64_t seed, ChunkUse use)
    : options_(options), sampler_(sampler), seed_(seed), use_(use) {
  if (options.negatives > 0) negatives_.emplace(dataset, part, options);
}

RandomStream ChunkBuilder::EpisodeStream(const TaskView& task, uint64_t draw) const {
  return RandomStream(seed_, Purpose::kEpisode, draw, task.id);
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

bool ChunkBuilder::QueryHasNegatives() const {
  return use_ == ChunkUse::kTraining || !options_.negatives_are_rows;
}

int64_t ChunkBuilder::CostOf(const EpisodeSizes& sizes) const {
  int64_t with_negatives = sizes.support;
  if (QueryHasNegatives()) with_negatives += sizes.query;
  return sizes.rows() + with_negatives * options_.negatives;
}

Chunk ChunkBuilder::Build(const ShardReader& shard, std::span<const int64_t> tasks,
                          uint64_t draw) const {
  Chunk chunk;
  chunk.negatives_per_row = options_.negatives;
  chunk.negatives_are_rows = options_.negatives_are_rows;
  for (const int64_t index : tasks) AppendTask(EligibleTask(shard, index), draw, &chunk);
  shard.CheckUnchanged();  // a mapped file that was cut short reads as zeros behind the cut
  return chunk;
}

void ChunkBuilder::AppendTask(const TaskView& task, uint64_t draw, Chunk* chunk) const {
  const Episode episode = sampler_.Draw(task, EpisodeStream(task, draw));
  chunk->task_ids.push_back(task.id);
  AppendRows(task, episode.support, &chunk->support);
  AppendRows(task, episode.query, &chunk->query);
  if (negatives_) AppendNegatives(task, episode, draw, chunk);
}

// Query rows draw first, so that their negatives do not depend on the size of the support set.
void ChunkBuilder::AppendNegatives(const TaskView& task, const Episode& episode, uint64_t draw,
                                   Chunk* chunk) const {
  const auto count_for = [&](const std::vector<int64_t>& rows) {
    return std::ssize(rows) * options_.negatives;
  };
  RandomStream stream(seed_, Purpose::kNegative, draw, task.id);
  if (use_ == ChunkUse::kTraining) {
    const NegativeSampler::Candidates candidates = negatives_->CandidatesFor(task);
    AppendDraws(candidates, count_for(episode.query), &stream, &chunk->query);
    AppendDraws(candidates, count_for(episode.support), &stream, &chunk->support);
    return;
  }
  if (QueryHasNegatives()) {
    AppendDraws(negatives_->CandidatesFor(task), count_for(episode.query), &stream, &chunk->query);
  }
  AppendDraws(negatives_->CandidatesForSupport(task, episode.support), count_for(episode.support),
              &stream, &chunk->support);
}

}  // namespace hearth
