#include "sampler/chunk_builder.h"

#include <algorithm>
#include <numeric>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sampler/test_dataset.h"

namespace hearth {
namespace {

using ::testing::IsEmpty;

constexpr uint64_t kSeed = 11;

// The chunk of the first `count` tasks of the first training shard.
Chunk BuildFirst(const Dataset& dataset, const TaskOptions& options, int64_t count, uint64_t draw) {
  std::vector<int64_t> tasks(static_cast<size_t>(count));
  std::iota(tasks.begin(), tasks.end(), 0);
  const ChunkBuilder builder(dataset, kTrainPart, options, EpisodeSampler(options), kSeed);
  return builder.Build(dataset.Shard(0), tasks, draw);
}

// Tasks of 12 events, so that all are eligible.
testing::TestData LongTasks() {
  testing::TestData data{.user_count = 20, .item_count = 100, .parts = {}};
  data.parts["train"] = {{}};
  for (testing::TestTask& task : testing::RandomTasks(0, 20, 100, 40)) {
    task.items = {};
    for (const int64_t item : SampleWithoutReplacement(
             100, 12, RandomStream(2, Purpose::kTest, static_cast<uint64_t>(task.id)))) {
      task.items.push_back(static_cast<uint32_t>(item));
    }
    data.parts["train"][0].push_back(task);
  }
  return data;
}

TEST(ChunkBuilder, RowsAreTheEventsOfTheEpisode) {
  const testing::TestDataset dataset(LongTasks());
  const TaskOptions options{.support = 5, .query = 4, .order = EpisodeOrder::kRandom};
  const Chunk chunk = BuildFirst(*dataset, options, 20, 3);
  const ShardReader& shard = (*dataset).Shard(0);
  ASSERT_EQ(chunk.task_count(), 20);
  ASSERT_EQ(chunk.support.task_count(), 20);
  ASSERT_EQ(chunk.query.task_count(), 20);
  EXPECT_EQ(chunk.support.row_count(), 20 * 5);
  EXPECT_EQ(chunk.query.row_count(), 20 * 4);
  const EpisodeSampler sampler(options);
  for (int64_t t = 0; t < 20; ++t) {
    const auto index = static_cast<size_t>(t);
    const TaskView task = shard.task(t);
    EXPECT_EQ(chunk.task_ids[index], task.id);
    const Episode episode = sampler.Draw(
        task, RandomStream(kSeed, Purpose::kEpisode, 3, static_cast<uint64_t>(task.id)));
    const auto check = [&](const TaskRows& rows, const std::vector<int64_t>& positions) {
      ASSERT_EQ(rows.offsets[index + 1] - rows.offsets[index], std::ssize(positions));
      for (size_t i = 0; i < positions.size(); ++i) {
        const auto row = static_cast<size_t>(rows.offsets[index]) + i;
        const auto position = static_cast<size_t>(positions[i]);
        EXPECT_EQ(rows.items[row], task.items[position]);
        EXPECT_EQ(rows.labels[row], task.labels[position]);
        EXPECT_EQ(rows.times[row], task.times[position]);
      }
    };
    check(chunk.support, episode.support);
    check(chunk.query, episode.query);
  }
  EXPECT_THAT(chunk.history, IsEmpty());
  EXPECT_THAT(chunk.support.history_begin, IsEmpty());
  EXPECT_THAT(chunk.query.negatives, IsEmpty());
}

TEST(ChunkBuilder, LeavesTimesOutWhenTheLogHasNone) {
  testing::TestData data = LongTasks();
  data.has_time = false;
  const testing::TestDataset dataset(data);
  const Chunk chunk = BuildFirst(*dataset, {}, 4, 0);
  EXPECT_THAT(chunk.support.times, IsEmpty());
  EXPECT_THAT(chunk.query.times, IsEmpty());
}

TEST(ChunkBuilder, SizesAnnounceTheChunk) {
  const testing::TestDataset dataset(LongTasks());
  const TaskOptions options{.support = 8, .support_draw = SupportDraw::kUniform, .query = 4};
  const ChunkBuilder builder(*dataset, kTrainPart, options, EpisodeSampler(options), kSeed);
  const std::vector<int64_t> tasks = {3, 1, 15};
  const Chunk chunk = builder.Build((*dataset).Shard(0), tasks, 5);
  const EpisodeSizes sizes = builder.Sizes((*dataset).Shard(0), tasks, 5);
  EXPECT_EQ(sizes.support, chunk.support.row_count());
  EXPECT_EQ(sizes.query, chunk.query.row_count());
}

TEST(ChunkBuilder, EpisodesDependOnSeedDrawAndTaskAlone) {
  const testing::TestDataset dataset(LongTasks());
  const TaskOptions options{
      .support = 4, .query = 4, .order = EpisodeOrder::kRandom, .negatives = 2};
  const ChunkBuilder builder(*dataset, kTrainPart, options, EpisodeSampler(options), kSeed);
  const std::vector<int64_t> two = {3, 7}, one = {7};
  const Chunk both = builder.Build((*dataset).Shard(0), two, 1);
  const Chunk alone = builder.Build((*dataset).Shard(0), one, 1);
  const auto second = [](const std::vector<int64_t>& rows) {
    return std::vector<int64_t>(rows.begin() + std::ssize(rows) / 2, rows.end());
  };
  EXPECT_EQ(second(both.support.items), alone.support.items);
  EXPECT_EQ(second(both.query.items), alone.query.items);
  EXPECT_EQ(second(both.query.negatives), alone.query.negatives);
  EXPECT_NE(builder.Build((*dataset).Shard(0), one, 2).query.items, alone.query.items);
}

// What a history is, by brute force: the last `length` support items before the row.
void CheckHistories(const Chunk& chunk, const TaskRows& rows, int64_t length) {
  ASSERT_EQ(std::ssize(rows.history_begin), rows.row_count());
  ASSERT_EQ(std::ssize(rows.history_end), rows.row_count());
  for (size_t t = 0; t < chunk.task_ids.size(); ++t) {
    for (auto row = static_cast<size_t>(rows.offsets[t]);
         row < static_cast<size_t>(rows.offsets[t + 1]); ++row) {
      std::vector<int64_t> expected;
      for (auto s = static_cast<size_t>(chunk.support.offsets[t]);
           s < static_cast<size_t>(chunk.support.offsets[t + 1]); ++s) {
        if (chunk.support.times[s] < rows.times[row]) expected.push_back(chunk.support.items[s]);
      }
      if (std::ssize(expected) > length) expected.erase(expected.begin(), expected.end() - length);
      EXPECT_EQ(std::vector<int64_t>(chunk.history.begin() + rows.history_begin[row],
                                     chunk.history.begin() + rows.history_end[row]),
                expected);
    }
  }
}

TEST(ChunkBuilder, HistoriesHoldTheSupportRowsBeforeEachRow) {
  const testing::TestDataset dataset(LongTasks());
  for (const EpisodeOrder order : {EpisodeOrder::kTime, EpisodeOrder::kRandom}) {
    for (const int64_t length : {1, 3, 100}) {
      const TaskOptions options{.support = 6, .query = 5, .order = order, .history = length};
      const Chunk chunk = BuildFirst(*dataset, options, 20, 0);
      EXPECT_FALSE(chunk.history.empty());
      CheckHistories(chunk, chunk.support, length);
      CheckHistories(chunk, chunk.query, length);
    }
  }
}

TEST(ChunkBuilder, NegativesAreNeverItemsOfTheTask) {
  const testing::TestDataset dataset(LongTasks());
  for (const NegativeSampling sampling :
       {NegativeSampling::kUniform, NegativeSampling::kPopularity}) {
    const TaskOptions options{
        .support = 5, .query = 4, .negatives = 3, .negative_sampling = sampling};
    const Chunk chunk = BuildFirst(*dataset, options, 20, 0);
    EXPECT_EQ(chunk.negatives_per_row, 3);
    for (const TaskRows* rows : {&chunk.support, &chunk.query}) {
      ASSERT_EQ(std::ssize(rows->negatives), 3 * rows->row_count());
      ASSERT_EQ(rows->negative_log_probability.size(), rows->negatives.size());
      for (size_t t = 0; t < chunk.task_ids.size(); ++t) {
        const TaskView task = (*dataset).Shard(0).task(static_cast<int64_t>(t));
        const std::set<int64_t> items(task.items.begin(), task.items.end());
        for (auto i = static_cast<size_t>(3 * rows->offsets[t]);
             i < static_cast<size_t>(3 * rows->offsets[t + 1]); ++i) {
          EXPECT_FALSE(items.contains(rows->negatives[i]));
          EXPECT_LT(rows->negative_log_probability[i], 0);
        }
      }
    }
  }
}

TEST(ChunkBuilder, QueryNegativesDoNotDependOnTheSupportSize) {
  const testing::TestDataset dataset(LongTasks());
  const TaskOptions options{.support = 6, .query = 4, .negatives = 3};
  const std::vector<int64_t> tasks = {0, 1, 2};
  std::vector<std::vector<int64_t>> negatives;
  for (const int64_t support : {1, 6}) {
    const ChunkBuilder builder(*dataset, kTrainPart, options,
                               EpisodeSampler::ForEvaluation(options, support), kSeed);
    negatives.push_back(builder.Build((*dataset).Shard(0), tasks, 0).query.negatives);
  }
  EXPECT_EQ(negatives[0], negatives[1]);
}

}  // namespace
}  // namespace hearth
