#include "storage/shard/describe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/storage/shard/dataset_fixture.h"

namespace hearth {
namespace {

using ::testing::ElementsAre;
using testing_data::AddTask;
using testing_data::Event;
using testing_data::Items;
using testing_data::NewFolder;
using testing_data::Shards;
using testing_data::Users;
using testing_data::WriteDataset;

DatasetSummary DescribeShards(const testing_data::ShardList& shards) {
  const std::string folder = NewFolder();
  WriteDataset(folder, shards, Users(), Items());
  return DescribeDataset(Dataset({.path = folder}));
}

void ExpectQuantiles(const Quantiles& quantiles, int64_t min, int64_t median, int64_t p95,
                     int64_t max) {
  EXPECT_EQ(quantiles.min, min);
  EXPECT_EQ(quantiles.median, median);
  EXPECT_EQ(quantiles.p95, p95);
  EXPECT_EQ(quantiles.max, max);
}

TEST(Describe, CountsTheTinyDataSet) {
  const DatasetSummary summary = DescribeShards(Shards());
  EXPECT_EQ(summary.event_count, 12);
  EXPECT_DOUBLE_EQ(summary.sparsity, 1 - 12.0 / 36);
  EXPECT_TRUE(summary.has_time);
  EXPECT_EQ(summary.time_min, 5);
  EXPECT_EQ(summary.time_max, 210);
  EXPECT_DOUBLE_EQ(summary.label_mean, 39.5 / 12);
  // Events of u0..u5: 5 2 1 3 1 0; of i0..i5: 3 3 2 2 1 1.
  ExpectQuantiles(summary.users.events_per_entity, 0, 1, 5, 5);
  ExpectQuantiles(summary.items.events_per_entity, 1, 2, 3, 3);
  EXPECT_THAT(summary.users.cold_count, ElementsAre(1, 5, 6, 6));
  EXPECT_THAT(summary.items.cold_count, ElementsAre(0, 6, 6, 6));
  EXPECT_EQ(summary.top_item_count, 1);
  EXPECT_DOUBLE_EQ(summary.top_item_share, 3.0 / 12);
  ASSERT_EQ(summary.parts.size(), 3U);
  EXPECT_EQ(summary.parts[0].shard_count, 2);
  EXPECT_EQ(summary.parts[0].task_count, 3);
  EXPECT_EQ(summary.parts[0].event_count, 6);
  ExpectQuantiles(summary.parts[0].events_per_task, 1, 2, 3, 3);
  EXPECT_EQ(NameOf(summary.parts[1].part), "test/user_cold");
}

TEST(Describe, ListsEachOfAFewLabels) {
  const DatasetSummary summary = DescribeShards(Shards());
  std::vector<std::pair<float, int64_t>> found;
  for (const LabelBin& bin : summary.labels) {
    EXPECT_EQ(bin.low, bin.high);
    found.emplace_back(bin.low, bin.count);
  }
  EXPECT_THAT(found, ElementsAre(std::pair(1, 2), std::pair(2, 2), std::pair(3, 2), std::pair(4, 2),
                                 std::pair(4.5, 1), std::pair(5, 3)));
}

TEST(Describe, BinsManyLabels) {
  std::vector<Event> events;
  for (uint32_t i = 0; i <= 32; ++i) {
    events.push_back({i % 6, i, 1.0F + 0.125F * static_cast<float>(i)});
  }
  ShardContent train;
  AddTask(0, events, &train);
  const DatasetSummary summary = DescribeShards({{"train-00000.h5", kTrainPart, train}});
  ASSERT_EQ(summary.labels.size(), 10U);
  EXPECT_EQ(summary.labels.front().low, 1);
  EXPECT_EQ(summary.labels.back().high, 5);
  int64_t count = 0;
  for (const LabelBin& bin : summary.labels) count += bin.count;
  EXPECT_EQ(count, 33);
  EXPECT_EQ(summary.labels.front().count, 4);  // 1, 1.125, 1.25, 1.375
  EXPECT_EQ(summary.labels.back().count, 4);   // 4.625, 4.75, 4.875 and the edge 5
}

TEST(Describe, CountsEpisodesOfEachSize) {
  // Tasks of 1, 11, 12, 13, 20 and 30 events; an episode of k shots needs k + 10.
  ShardContent train;
  int64_t task_id = 0;
  for (const int64_t length : {1, 11, 12, 13, 20, 30}) {
    std::vector<Event> events;
    for (int64_t i = 0; i < length; ++i) events.push_back({static_cast<uint32_t>(i % 6), i, 1});
    AddTask(task_id++, events, &train);
  }
  const DatasetSummary summary = DescribeShards({{"train-00000.h5", kTrainPart, train}});
  EXPECT_THAT(summary.parts[0].episode_count, ElementsAre(5, 3, 2, 2, 1));
}

TEST(Describe, EpisodesRespectGivenRoles) {
  ShardContent train;
  std::vector<Event> events;
  for (int64_t i = 0; i < 20; ++i) events.push_back({0, i, 1});
  AddTask(0, events, &train);
  for (int i = 0; i < 20; ++i) train.roles.push_back(static_cast<uint8_t>(i < 4 ? 1 : 2));
  const DatasetSummary summary = DescribeShards({{"train-00000.h5", kTrainPart, train}});
  EXPECT_THAT(summary.parts[0].episode_count, ElementsAre(1, 1, 0, 0, 0));
}

TEST(Describe, AnEmptyDataSetIsAllZeros) {
  const std::string folder = NewFolder();
  WriteDataset(folder, {}, EntityTable{}, EntityTable{});
  const DatasetSummary summary = DescribeDataset(Dataset({.path = folder}));
  EXPECT_EQ(summary.event_count, 0);
  EXPECT_EQ(summary.sparsity, 0);
  EXPECT_FALSE(summary.has_time);
  EXPECT_TRUE(summary.parts.empty());
}

}  // namespace
}  // namespace hearth
