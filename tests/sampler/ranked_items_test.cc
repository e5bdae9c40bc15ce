#include "sampler/ranked_items.h"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sampler/meta_batch.h"
#include "tests/sampler/test_dataset.h"

namespace hearth {
namespace {

using ::testing::ElementsAre;
using ::testing::IsSupersetOf;
using ::testing::SizeIs;

constexpr Part kNonColdTest{Split::kTest, Scenario::kNonCold};

// Task 1 trains on the items 0 and 2; its test events are 4, 5 and 4 again.
testing::TestData SmallData() {
  testing::TestData data{.user_count = 3, .item_count = 8, .parts = {}};
  data.parts["train"] = {{{.id = 0, .items = {0, 1}}, {.id = 1, .items = {0, 2}}}};
  data.parts["test/non_cold"] = {{{.id = 1, .items = {4, 5, 4}}}, {{.id = 2, .items = {7, 0}}}};
  return data;
}

TEST(RankingCandidates, AreTheItemsWithoutAnEventBesideTheQueryItems) {
  const testing::TestDataset dataset(SmallData());
  const RankingCandidates candidates(*dataset, kNonColdTest, 0, 1);
  const RankedItems ranked =
      candidates.For(1, std::vector<int64_t>{4, 4}, std::vector<float>{1, 3});
  EXPECT_THAT(ranked.items, ElementsAre(4, 1, 3, 6, 7)) << "5 is a known event, 0 and 2 trained";
  EXPECT_THAT(ranked.labels, ElementsAre(3, 0, 0, 0, 0)) << "the largest label of an item";
  EXPECT_EQ(ranked.query_count, 1);
  EXPECT_THAT(candidates.For(2, std::vector<int64_t>{0, 7}, std::vector<float>{1, 1}).items,
              ElementsAre(0, 7, 1, 2, 3, 4, 5, 6));
}

TEST(RankingCandidates, AreDrawnBySeedAndTask) {
  const testing::TestDataset dataset(SmallData());
  const std::vector<int64_t> query = {7};
  const std::vector<float> labels = {1};
  const RankedItems all = RankingCandidates(*dataset, kNonColdTest, 0, 1).For(2, query, labels);
  std::set<std::vector<int64_t>> draws;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const RankingCandidates candidates(*dataset, kNonColdTest, 3, seed);
    const RankedItems ranked = candidates.For(2, query, labels);
    ASSERT_THAT(ranked.items, SizeIs(4));
    EXPECT_EQ(ranked.items[0], 7);
    EXPECT_THAT(ranked.labels, ElementsAre(1, 0, 0, 0));
    EXPECT_THAT(all.items, IsSupersetOf(ranked.items));
    EXPECT_EQ(std::set<int64_t>(ranked.items.begin(), ranked.items.end()).size(), 4U);
    EXPECT_EQ(ranked.items, candidates.For(2, query, labels).items);
    draws.insert(ranked.items);
  }
  EXPECT_GT(draws.size(), 5U);
  EXPECT_EQ(RankingCandidates(*dataset, kNonColdTest, 99, 1).For(2, query, labels).items,
            all.items);
}

TEST(TaskOfChunk, TakesTheRowsOfOneTask) {
  const Chunk chunk{.number = 3,
                    .task_ids = {8, 9},
                    .support = {.offsets = {0, 1, 3},
                                .items = {10, 11, 12},
                                .labels = {1, 2, 3},
                                .times = {100, 101, 102},
                                .negatives = {20, 21, 22, 23, 24, 25}},
                    .query = {.offsets = {0, 2, 3},
                              .items = {30, 31, 32},
                              .labels = {4, 5, 6},
                              .times = {},
                              .negatives = {}},
                    .negatives_per_row = 2,
                    .hide_item_ids = true};
  const Chunk second = TaskOfChunk(chunk, 1);
  EXPECT_THAT(second.task_ids, ElementsAre(9));
  EXPECT_THAT(second.support.offsets, ElementsAre(0, 2));
  EXPECT_THAT(second.support.items, ElementsAre(11, 12));
  EXPECT_THAT(second.support.labels, ElementsAre(2, 3));
  EXPECT_THAT(second.support.times, ElementsAre(101, 102));
  EXPECT_THAT(second.support.negatives, ElementsAre(22, 23, 24, 25));
  EXPECT_THAT(second.query.items, ElementsAre(32));
  EXPECT_THAT(second.query.times, ElementsAre());
  EXPECT_EQ(second.negatives_per_row, 2);
  EXPECT_TRUE(second.hide_item_ids);
  EXPECT_EQ(second.number, 3);
}

}  // namespace
}  // namespace hearth
