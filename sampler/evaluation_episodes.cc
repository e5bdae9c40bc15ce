#include "sampler/evaluation_episodes.h"

#include <algorithm>
#include <cstdlib>

#include "common/error.h"
#include "common/to_underlying.h"
#include "sampler/deal.h"

namespace hearth {
namespace {

// Draws of evaluation have their own numbers: the top bit keeps them apart from epochs.
uint64_t StreamBaseOf(Part part) {
  const uint64_t code =
      ToUnderlying(part.split) * kAllScenarios.size() + ToUnderlying(part.scenario);
  return (uint64_t{1} << 63) | (code << 32);
}

EpisodeSampler SamplerOf(const TaskOptions& task_options,
                         const EvaluationEpisodesOptions& options) {
  return EpisodeSampler::ForEvaluation(
      task_options, options.support > 0 ? options.support : task_options.support);
}

// Returns `chosen` of the numbers 0..count-1, ascending and evenly spread from a random start.
std::vector<int64_t> SpreadEvenly(int64_t count, int64_t chosen, RandomStream stream) {
  const int64_t start = stream.NextBelow(count);
  std::vector<int64_t> ordinals;
  for (int64_t i = 0; i < chosen; ++i) ordinals.push_back((i * count + start) / chosen);
  return ordinals;
}

}  // namespace

EvaluationEpisodes::EvaluationEpisodes(const Dataset& dataset, Part part,
                                       const TaskOptions& task_options,
                                       const EvaluationEpisodesOptions& options, RankPlace place)
    : options_(options),
      tasks_(dataset, part, task_options),
      chunk_builder_(dataset, part, task_options, SamplerOf(task_options, options), options.seed,
                     ChunkUse::kEvaluation),
      stream_base_(StreamBaseOf(part)) {
  HEARTH_CHECK(options.draws >= 1 && task_options.chunk >= 1, "{} draws, chunks of {}",
               options.draws, task_options.chunk);
  ChooseTasks(part, task_options.chunk);
  std::vector<int64_t> costs;
  for (int64_t draw = 0; draw < options_.draws; ++draw) {
    for (const ChunkTasks& chunk : chunks_) {
      costs.push_back(chunk_builder_.CostOf(
          chunk_builder_.Sizes(tasks_.shard(chunk.shard), chunk.tasks, StreamOf(draw))));
    }
  }
  const std::vector<int> ranks = DealChunks(costs, place.world_size);
  for (size_t number = 0; number < ranks.size(); ++number) {
    if (ranks[number] == place.rank) own_numbers_.push_back(number);
  }
}

void EvaluationEpisodes::ChooseTasks(Part part, int64_t chunk_size) {
  const int64_t eligible = tasks_.eligible_task_count();
  task_count_ = eligible;
  if (options_.max_tasks > 0) task_count_ = std::min(options_.max_tasks, eligible);
  if (task_count_ == 0) return;
  const RandomStream stream(options_.seed, Purpose::kTaskOrder, StreamBaseOf(part));
  const std::vector<int64_t> ordinals = SpreadEvenly(eligible, task_count_, stream);
  auto ordinal = ordinals.begin();
  int64_t first = 0;  // ordinal of the first eligible task of the shard
  for (int64_t shard = 0; shard < tasks_.shard_count(); ++shard) {
    const std::vector<int64_t> in_shard = tasks_.EligibleIn(shard);
    const int64_t end = first + std::ssize(in_shard);
    for (int64_t taken = 0; ordinal != ordinals.end() && *ordinal < end; ++ordinal, ++taken) {
      if (taken % chunk_size == 0) chunks_.push_back({shard, {}});
      chunks_.back().tasks.push_back(in_shard[*ordinal - first]);
    }
    first = end;
  }
}

uint64_t EvaluationEpisodes::StreamOf(int64_t draw) const { return stream_base_ | draw; }

Chunk EvaluationEpisodes::Build(int64_t index) const {
  const int64_t number = own_numbers_[index];
  const auto [draw, position] = std::div(number, std::ssize(chunks_));
  const ChunkTasks& tasks = chunks_[position];
  Chunk chunk = chunk_builder_.Build(tasks_.shard(tasks.shard), tasks.tasks, StreamOf(draw));
  chunk.number = number;
  return chunk;
}

}  // namespace hearth
