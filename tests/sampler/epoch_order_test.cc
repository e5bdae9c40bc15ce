#include "sampler/epoch_order.h"

#include <algorithm>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hearth {
namespace {

using TaskPlace = std::pair<int64_t, int64_t>;  // shard, position

TEST(OrderOfEpoch, HoldsEveryTaskOnceInChunksOfOneShard) {
  const std::vector<int64_t> counts = {33, 1, 0, 16, 50, 7, 32};
  const TaskOptions options{.chunk = 16, .shard_window = 3};
  for (int64_t epoch = 0; epoch < 5; ++epoch) {
    std::multiset<TaskPlace> seen;
    for (const ChunkPlace& chunk : OrderOfEpoch(counts, options, 1, epoch)) {
      EXPECT_TRUE(chunk.end - chunk.begin == 16 || chunk.end == counts[chunk.shard]);
      for (int64_t i = chunk.begin; i < chunk.end; ++i) seen.emplace(chunk.shard, i);
    }
    std::multiset<TaskPlace> expected;
    for (int64_t shard = 0; shard < std::ssize(counts); ++shard) {
      for (int64_t i = 0; i < counts[shard]; ++i) expected.emplace(shard, i);
    }
    EXPECT_EQ(seen, expected);
  }
}

TEST(OrderOfEpoch, UsesOneWindowOfShardsAfterTheOther) {
  const std::vector<int64_t> counts(12, 64);
  const TaskOptions options{.chunk = 16, .shard_window = 4};
  const std::vector<ChunkPlace> order = OrderOfEpoch(counts, options, 1, 0);
  ASSERT_EQ(order.size(), 48u);
  std::set<int64_t> all;
  for (size_t window = 0; window < 3; ++window) {
    std::set<int64_t> shards;
    int64_t changes = 0;
    for (size_t i = window * 16; i < window * 16 + 16; ++i) {
      shards.insert(order[i].shard);
      if (i > window * 16 && order[i].shard != order[i - 1].shard) ++changes;
    }
    EXPECT_EQ(shards.size(), 4u);
    EXPECT_GT(changes, 4) << "the chunks of a window are not mixed";
    all.insert(shards.begin(), shards.end());
  }
  EXPECT_EQ(all.size(), 12u);
}

TEST(OrderOfEpoch, DependsOnSeedAndEpochAlone) {
  const std::vector<int64_t> counts(12, 64);
  const TaskOptions options{.chunk = 16, .shard_window = 4};
  EXPECT_EQ(OrderOfEpoch(counts, options, 1, 2), OrderOfEpoch(counts, options, 1, 2));
  EXPECT_NE(OrderOfEpoch(counts, options, 1, 2), OrderOfEpoch(counts, options, 1, 3));
  EXPECT_NE(OrderOfEpoch(counts, options, 1, 2), OrderOfEpoch(counts, options, 2, 2));
}

TEST(OrderOfTasks, IsAPermutationThatChangesWithShardAndEpoch) {
  const std::vector<int64_t> order = OrderOfTasks(3, 100, 1, 2);
  std::vector<int64_t> sorted = order;
  std::ranges::sort(sorted);
  for (int64_t i = 0; i < 100; ++i) EXPECT_EQ(sorted[i], i);
  EXPECT_NE(order, sorted);
  EXPECT_NE(order, OrderOfTasks(3, 100, 1, 1));
  EXPECT_NE(order, OrderOfTasks(2, 100, 1, 2));
  EXPECT_EQ(order, OrderOfTasks(3, 100, 1, 2));
}

TEST(ChunksOf, RoundsUp) {
  const TaskOptions options{.chunk = 16};
  EXPECT_EQ(ChunksOf(0, options), 0);
  EXPECT_EQ(ChunksOf(1, options), 1);
  EXPECT_EQ(ChunksOf(16, options), 1);
  EXPECT_EQ(ChunksOf(17, options), 2);
}

}  // namespace
}  // namespace hearth
