#include "sampler/chunk_builder.h"

#include <algorithm>
#include <numeric>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sampler/test_dataset.h"

namespace hearth {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr uint64_t kSeed = 11;

// Builds the chunk of the first `count` tasks of the first training shard.
Chunk BuildFirst(const Dataset& dataset, const TaskOptions& options, int64_t count, uint64_t draw) {
  std::vector<int64_t> tasks(count);
  std::iota(tasks.begin(), tasks.end(), 0);
  const ChunkBuilder builder(dataset, kTrainPart, options, EpisodeSampler(options), kSeed);
  return builder.Build(dataset.Shard(0), tasks, draw);
}

// Makes tasks of 12 events, so that all are eligible.
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
    const auto index = t;
    const TaskView task = shard.task(t);
    EXPECT_EQ(chunk.task_ids[index], task.id);
    const Episode episode = sampler.Draw(
        task, RandomStream(kSeed, Purpose::kEpisode, 3, static_cast<uint64_t>(task.id)));
    const auto check = [&](const TaskRows& rows, const std::vector<int64_t>& positions) {
      ASSERT_EQ(rows.offsets[index + 1] - rows.offsets[index], std::ssize(positions));
      for (size_t i = 0; i < positions.size(); ++i) {
        const auto row = rows.offsets[index] + i;
        const auto position = positions[i];
        EXPECT_EQ(rows.items[row], task.items[position]);
        EXPECT_EQ(rows.labels[row], task.labels[position]);
        EXPECT_EQ(rows.times[row], task.times[position]);
      }
    };
    check(chunk.support, episode.support);
    check(chunk.query, episode.query);
  }
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
      for (size_t t = 0; t < chunk.task_ids.size(); ++t) {
        const TaskView task = (*dataset).Shard(0).task(static_cast<int64_t>(t));
        const std::set<int64_t> items(task.items.begin(), task.items.end());
        for (auto i = 3 * rows->offsets[t]; i < (3 * rows->offsets[t + 1]); ++i) {
          EXPECT_FALSE(items.contains(rows->negatives[i]));
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

// The items that support rows of task 0 get as negatives in evaluation, over many episodes, and
// those that a plain count over the data allows.
TEST(ChunkBuilder, NegativesOfAnEvaluatedSupportAreItemsThatNobodyKnowsToBeSeen) {
  testing::TestData data{.user_count = 3, .item_count = 9, .parts = {}};
  data.parts["train"] = {{{.id = 1, .items = {0, 1, 2, 3}}, {.id = 2, .items = {4, 5, 6, 7}}}};
  data.parts["validation/non_cold"] = {{{.id = 1, .items = {4, 5, 8}}}};  // item 8 is cold
  const testing::TestDataset dataset(data);
  const Part part{Split::kValidation, Scenario::kNonCold};
  TaskOptions options{.support = 1, .query = 2, .min_events = 2, .negatives = 50};
  for (const bool are_rows : {false, true}) {
    options.negatives_are_rows = are_rows;
    const ChunkBuilder builder(*dataset, part, options, EpisodeSampler::ForEvaluation(options, 1),
                               kSeed, ChunkUse::kEvaluation);
    const std::vector<int64_t> first = {0};
    const Chunk chunk = builder.Build((*dataset).Shard((*dataset).ShardsOf(part)[0]), first, 7);
    ASSERT_THAT(chunk.support.items, ElementsAre(4));  // the earliest event
    const std::set<int64_t> drawn(chunk.support.negatives.begin(), chunk.support.negatives.end());
    // Without the items of training (0..3), the support (4) and the cold item; the query item 5 is
    // a candidate.
    EXPECT_THAT(drawn, ElementsAre(5, 6, 7));
    EXPECT_EQ(chunk.support.negatives.size(), 50u);
    EXPECT_EQ(chunk.query.negatives.size(), are_rows ? 0u : 100u);
    EXPECT_EQ(chunk.negatives_are_rows, are_rows);
    EXPECT_EQ(builder.CostOf({.support = 1, .query = 2}), 1 + 50 + 2 + (are_rows ? 0 : 100));
  }
}

TEST(ChunkBuilder, TheFormOfNegativesDoesNotChangeTheDrawsOfTraining) {
  const testing::TestDataset dataset(LongTasks());
  TaskOptions options{.support = 5, .query = 4, .negatives = 3};
  const Chunk beside = BuildFirst(*dataset, options, 20, 1);
  options.negatives_are_rows = true;
  const Chunk rows = BuildFirst(*dataset, options, 20, 1);
  EXPECT_FALSE(beside.negatives_are_rows);
  EXPECT_TRUE(rows.negatives_are_rows);
  EXPECT_EQ(rows.support.negatives, beside.support.negatives);
  EXPECT_EQ(rows.query.negatives, beside.query.negatives);
  EXPECT_EQ(rows.query.labels, beside.query.labels);
}

}  // namespace
}  // namespace hearth
