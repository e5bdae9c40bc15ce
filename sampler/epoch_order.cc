#include "sampler/epoch_order.h"

#include <algorithm>

#include "common/error.h"
#include "common/random.h"

namespace hearth {
namespace {

void AppendChunks(int64_t shard, int64_t task_count, const TaskOptions& options,
                  std::vector<ChunkPlace>* chunks) {
  for (int64_t begin = 0; begin < task_count; begin += options.chunk) {
    chunks->push_back({shard, begin, std::min(begin + options.chunk, task_count)});
  }
}

}  // namespace

int64_t ChunksOf(int64_t task_count, const TaskOptions& options) {
  return (task_count + options.chunk - 1) / options.chunk;
}

std::vector<ChunkPlace> OrderOfEpoch(std::span<const int64_t> task_counts,
                                     const TaskOptions& options, uint64_t seed, int64_t epoch) {
  HEARTH_CHECK(options.chunk >= 1 && options.shard_window >= 1, "chunk {}, shard window {}",
               options.chunk, options.shard_window);
  const std::vector<int64_t> shards =
      RandomPermutation(std::ssize(task_counts), RandomStream(seed, Purpose::kShardOrder, epoch));
  std::vector<ChunkPlace> order, window;
  for (int64_t first = 0; first < std::ssize(shards); first += options.shard_window) {
    window.clear();
    const int64_t last = std::min(first + options.shard_window, std::ssize(shards));
    for (int64_t i = first; i < last; ++i) {
      const int64_t shard = shards[i];
      AppendChunks(shard, task_counts[shard], options, &window);
    }
    const RandomStream stream(seed, Purpose::kChunkOrder, epoch, first);
    for (const int64_t chunk : RandomPermutation(std::ssize(window), stream)) {
      order.push_back(window[chunk]);
    }
  }
  return order;
}

std::vector<int64_t> OrderOfTasks(int64_t shard, int64_t task_count, uint64_t seed, int64_t epoch) {
  return RandomPermutation(task_count, RandomStream(seed, Purpose::kTaskOrder, epoch, shard));
}

}  // namespace hearth
