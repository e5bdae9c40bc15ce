#include "sampler/seen_items.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sampler/test_dataset.h"

namespace hearth {
namespace {

using ::testing::UnorderedElementsAre;

// User 1 has an event in every part below, user 2 in one.
testing::TestData SmallData() {
  testing::TestData data{.user_count = 3, .item_count = 8, .parts = {}};
  data.parts["train"] = {{{.id = 1, .items = {0}}}};
  data.parts["validation/non_cold"] = {{{.id = 1, .items = {1}}}};
  data.parts["validation/item_cold"] = {{{.id = 1, .items = {2}}}};
  data.parts["test/non_cold"] = {{{.id = 1, .items = {3}}}, {{.id = 2, .items = {4}}}};
  data.parts["test/item_cold"] = {{{.id = 1, .items = {5, 6}}}};
  return data;
}

// The seen items of the first task of a part.
std::vector<int64_t> SeenOfFirstTask(const Dataset& dataset, Part part) {
  return SeenItems(dataset, part).Of(dataset.Shard(dataset.ShardsOf(part)[0]).task(0));
}

TEST(SeenItems, AreThoseOfTheSplitAndOfEarlierSplits) {
  const testing::TestDataset dataset(SmallData());
  EXPECT_THAT(SeenOfFirstTask(*dataset, kTrainPart), UnorderedElementsAre(0));
  EXPECT_THAT(SeenOfFirstTask(*dataset, {Split::kValidation, Scenario::kNonCold}),
              UnorderedElementsAre(0, 1, 2));
  EXPECT_THAT(SeenOfFirstTask(*dataset, {Split::kTest, Scenario::kItemCold}),
              UnorderedElementsAre(0, 1, 2, 3, 5, 6));
}

TEST(SeenItems, AreThoseOfTheSameOwner) {
  const testing::TestDataset dataset(SmallData());
  const Part part{Split::kTest, Scenario::kNonCold};
  const ShardReader& shard = (*dataset).Shard((*dataset).ShardsOf(part)[1]);
  EXPECT_THAT(SeenItems(*dataset, part).Of(shard.task(0)), UnorderedElementsAre(4));
}

}  // namespace
}  // namespace hearth
