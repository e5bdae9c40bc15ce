#include "trainer/table/lru_slots.h"

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/row_partition.h"
#include "common/error.h"

namespace hearth {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int64_t kBuckets = RowPartition::kBuckets;

// Loads slots as a checkpoint does.
void Load(const std::vector<int64_t>& ids, const std::vector<int64_t>& last_steps,
          LruSlots& slots) {
  StateList list;
  slots.ListState("x/", {}, list);
  ASSERT_EQ(list.size(), 2);
  EXPECT_EQ(list[0].name, "x/ids");
  EXPECT_EQ(list[1].name, "x/last_step");
  for (int64_t i = 0; i < std::ssize(ids); ++i) {
    list[0].values[i].fill_(ids[i]);
    list[1].values[i].fill_(last_steps[i]);
  }
  list[0].on_load();
}

TEST(LruSlots, GiveTheLowestFreeSlotThenThatOfTheIdLongestWithoutUse) {
  LruSlots slots(0, 2, 2);
  EXPECT_EQ(slots.Insert(1, 0), 2) << "bucket 1";
  EXPECT_EQ(slots.Insert(1 + kBuckets, 0), 3);
  EXPECT_EQ(slots.Insert(1 + 2 * kBuckets, 0), LruSlots::kEmpty) << "all are in use";
  slots.Touch(2, 1);
  EXPECT_EQ(slots.Insert(1 + 2 * kBuckets, 1), 3);
  EXPECT_EQ(slots.Find(1 + kBuckets), LruSlots::kEmpty);
  EXPECT_EQ(slots.size(), 2);
  slots.Erase(2);
  EXPECT_EQ(slots.Insert(1 + 3 * kBuckets, 1), 2);
}

TEST(LruSlots, LoadedSlotsGoOnWhereTheOthersStopped) {
  LruSlots slots(0, 2, 3), loaded(0, 2, 3);
  slots.Insert(0, 1);
  slots.Insert(kBuckets, 2);
  slots.Insert(2 * kBuckets, 3);
  slots.Touch(0, 4);
  slots.Erase(2);
  Load(slots.ids(), slots.last_steps(), loaded);
  EXPECT_EQ(loaded.ids(), slots.ids());
  EXPECT_EQ(loaded.last_steps(), slots.last_steps());
  EXPECT_EQ(loaded.size(), 2);
  EXPECT_THAT(loaded.changed().OffsetsIn(0, 6), IsEmpty());
  for (LruSlots* each : {&slots, &loaded}) {
    EXPECT_EQ(each->Find(kBuckets), 1);
    EXPECT_EQ(each->Insert(3 * kBuckets, 5), 2) << "the free slot";
    EXPECT_EQ(each->Insert(4 * kBuckets, 5), 1) << "that of the oldest";
  }
}

TEST(LruSlots, LoadTakesThePlaceOfEverythingHeld) {
  LruSlots slots(0, 2, 2);
  slots.Insert(0, 7);
  slots.Insert(1, 7);
  Load({-1, kBuckets, -1, -1}, {9, 3, 0, 0}, slots);
  EXPECT_EQ(slots.Find(0), LruSlots::kEmpty);
  EXPECT_EQ(slots.Find(kBuckets), 1);
  EXPECT_EQ(slots.size(), 1);
  EXPECT_THAT(slots.last_steps(), ElementsAre(0, 3, 0, 0)) << "a free slot has no step";
}

TEST(LruSlots, RefusesIdsThatStandTwiceOrInTheWrongBucket) {
  LruSlots slots(0, 2, 2);
  const std::vector<int64_t> steps = {1, 1, 1, 1};
  Load({0, kBuckets, 1, -1}, steps, slots);
  EXPECT_EQ(slots.size(), 3);
  EXPECT_THROW(Load({0, 0, 1, -1}, steps, slots), DataError);
  EXPECT_THROW(Load({1, -1, 0, -1}, steps, slots), DataError);
  EXPECT_THROW(Load({-5, -1, -1, -1}, steps, slots), DataError);
}

}  // namespace
}  // namespace hearth
