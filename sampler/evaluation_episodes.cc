#include "sampler/evaluation_episodes.h"

#include <algorithm>
#include <cstdlib>

#include "common/error.h"

namespace hearth {
namespace {

// Draws of evaluation have numbers of their own: the top bit keeps them apart from epochs.
uint64_t StreamBaseOf(Part part) {
  const uint64_t code = static_cast<uint64_t>(part.split) * kAllScenarios.size() +
                        static_cast<uint64_t>(part.scenario);
  return (uint64_t{1} << 63) | (code << 32);
}

EpisodeSampler SamplerOf(const TaskOptions& task_options,
                         const EvaluationEpisodesOptions& options) {
  return EpisodeSampler::ForEvaluation(
      task_options, options.support > 0 ? options.support : task_options.support);
}

// `chosen` of 0..count-1, evenly spread from a random start, ascending.
std::vector<int64_t> SpreadEvenly(int64_t count, int64_t chosen, RandomStream stream) {
  const auto start = static_cast<int64_t>(stream.NextBelow(static_cast<uint64_t>(count)));
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
      chunk_builder_(dataset, part, task_options, SamplerOf(task_options, options), options.seed),
      stream_base_(StreamBaseOf(part)) {
  HEARTH_CHECK(options.draws >= 1 && task_options.chunk >= 1, "{} draws, chunks of {}",
               options.draws, task_options.chunk);
  ChooseTasks(part, task_options.chunk);
  std::vector<int64_t> costs;
  for (int64_t draw = 0; draw < options_.draws; ++draw) {
    for (const ChunkTasks& chunk : chunks_) {
      costs.push_back(
          chunk_builder_.Sizes(tasks_.shard(chunk.shard), chunk.tasks, StreamOf(draw)).rows());
    }
  }
  const std::vector<int> ranks = DealChunks(costs, place.world_size);
  for (size_t number = 0; number < ranks.size(); ++number) {
    if (ranks[number] == place.rank) own_numbers_.push_back(static_cast<int64_t>(number));
  }
}

void EvaluationEpisodes::ChooseTasks(Part part, int64_t chunk_size) {
  const int64_t eligible = tasks_.eligible_task_count();
  task_count_ = options_.max_tasks > 0 ? std::min(options_.max_tasks, eligible) : eligible;
  if (task_count_ == 0) return;
  const RandomStream stream(options_.seed, Purpose::kTaskOrder, StreamBaseOf(part));
  const std::vector<int64_t> ordinals = SpreadEvenly(eligible, task_count_, stream);
  auto ordinal = ordinals.begin();
  int64_t first = 0;  // ordinal of the shard's first eligible task
  for (int64_t shard = 0; shard < tasks_.shard_count(); ++shard) {
    const std::vector<int64_t> in_shard = tasks_.EligibleIn(shard);
    const int64_t end = first + std::ssize(in_shard);
    for (int64_t taken = 0; ordinal != ordinals.end() && *ordinal < end; ++ordinal, ++taken) {
      if (taken % chunk_size == 0) chunks_.push_back({shard, {}});
      chunks_.back().tasks.push_back(in_shard[static_cast<size_t>(*ordinal - first)]);
    }
    first = end;
  }
}

uint64_t EvaluationEpisodes::StreamOf(int64_t draw) const {
  return stream_base_ | static_cast<uint64_t>(draw);
}

Chunk EvaluationEpisodes::Build(int64_t index) const {
  const int64_t number = own_numbers_[static_cast<size_t>(index)];
  const auto [draw, position] = std::div(number, static_cast<int64_t>(std::ssize(chunks_)));
  const ChunkTasks& tasks = chunks_[static_cast<size_t>(position)];
  Chunk chunk = chunk_builder_.Build(tasks_.shard(tasks.shard), tasks.tasks, StreamOf(draw));
  chunk.number = number;
  return chunk;
}

}  // namespace hearth
