#include "sampler/meta_batch_builder.h"

#include <algorithm>

#include "common/error.h"
#include "common/random.h"
#include "sampler/deal.h"

namespace hearth {

MetaBatchBuilder::MetaBatchBuilder(const Dataset& dataset, Part part, const TaskOptions& options,
                                   uint64_t seed, RankPlace place)
    : options_(options),
      seed_(seed),
      place_(place),
      tasks_(dataset, part, options),
      chunk_builder_(dataset, part, options, EpisodeSampler(options), seed) {
  HEARTH_CHECK(options.chunk >= 1 && options.per_step >= 1 && options.per_step % options.chunk == 0,
               "{} tasks per step in chunks of {}", options.per_step, options.chunk);
  HEARTH_CHECK(place.rank >= 0 && place.rank < place.world_size, "rank {} of {}", place.rank,
               place.world_size);
  if (tasks_.eligible_task_count() == 0) {
    throw DataError(
        "'{}': none of the {} tasks of part '{}' has the {} events that an episode needs; lower "
        "tasks.min_events or check the split",
        dataset.path(), tasks_.task_count(), NameOf(part), options.min_events);
  }
  int64_t chunk_count = 0;
  for (const int64_t count : tasks_.eligible_counts()) chunk_count += ChunksOf(count, options);
  chunks_per_step_ = options.per_step / options.chunk;
  steps_per_epoch_ = (chunk_count + chunks_per_step_ - 1) / chunks_per_step_;
}

void MetaBatchBuilder::EnterEpoch(int64_t epoch) {
  if (epoch == epoch_) return;
  epoch_ = epoch;
  order_ = OrderOfEpoch(tasks_.eligible_counts(), options_, seed_, epoch);
  task_lists_.clear();
  prefetched_.clear();
}

std::span<const int64_t> MetaBatchBuilder::TasksOf(const ChunkPlace& place) {
  auto [entry, is_new] = task_lists_.try_emplace(place.shard);
  std::vector<int64_t>& list = entry->second;
  if (is_new) {
    const std::vector<int64_t> eligible = tasks_.EligibleIn(place.shard);
    if (std::ssize(eligible) != tasks_.eligible_counts()[place.shard]) {
      tasks_.shard(place.shard).RefuseChanged();
    }
    for (const int64_t i : OrderOfTasks(place.shard, std::ssize(eligible), seed_, epoch_)) {
      list.push_back(eligible[i]);
    }
  }
  return std::span(list).subspan(place.begin, place.end - place.begin);
}

void MetaBatchBuilder::PrefetchAfter(int64_t chunk_position) {
  const int64_t ahead =
      options_.shard_window * ChunksOf(std::ranges::max(tasks_.eligible_counts()), options_);
  const int64_t end = std::min(chunk_position + ahead, std::ssize(order_));
  for (int64_t i = chunk_position; i < end; ++i) {
    const int64_t shard = order_[i].shard;
    if (prefetched_.insert(shard).second) tasks_.shard(shard).Prefetch();
  }
}

bool MetaBatchBuilder::HidesItemIds(int64_t step, int64_t chunk) const {
  if (options_.hidden_item_share == 0.0) return false;
  RandomStream random(seed_, Purpose::kDropout, step, chunk);
  return random.NextDouble() < options_.hidden_item_share;
}

MetaBatch MetaBatchBuilder::Build(int64_t step) {
  EnterEpoch(step / steps_per_epoch_);
  const int64_t begin = step % steps_per_epoch_ * chunks_per_step_;
  const int64_t end = std::min(begin + chunks_per_step_, std::ssize(order_));
  PrefetchAfter(begin);
  // Forget the shards of finished windows; shards still in use are listed again.
  if (std::ssize(task_lists_) > 2 * options_.shard_window) task_lists_.clear();

  MetaBatch batch{.step = step, .epoch = epoch_, .chunks = {}};
  const uint64_t draw = epoch_;
  const std::span<const ChunkPlace> places = std::span(order_).subspan(begin, end - begin);
  std::vector<int64_t> costs;
  for (const ChunkPlace& place : places) {
    const EpisodeSizes sizes =
        chunk_builder_.Sizes(tasks_.shard(place.shard), TasksOf(place), draw);
    costs.push_back(chunk_builder_.CostOf(sizes));
    batch.global_task_count += place.end - place.begin;
    batch.global_query_row_count += sizes.query;
  }
  batch.global_chunk_count = std::ssize(places);

  const std::vector<int> ranks = DealChunks(costs, place_.world_size);
  for (size_t i = 0; i < places.size(); ++i) {
    if (ranks[i] != place_.rank) continue;
    batch.chunks.push_back(
        chunk_builder_.Build(tasks_.shard(places[i].shard), TasksOf(places[i]), draw));
    batch.chunks.back().number = i;
    batch.chunks.back().hide_item_ids = HidesItemIds(step, i);
  }
  return batch;
}

}  // namespace hearth
