#include "trainer/table/dynamic_ids.h"

#include <algorithm>
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/row_partition.h"
#include "common/random.h"

namespace hearth {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr int64_t kBuckets = RowPartition::kBuckets;

// The id number i of bucket 3.
int64_t Id(int64_t i) { return 3 + i * kBuckets; }

std::vector<int64_t> IdsOf(const std::vector<DynamicIds::NewRow>& rows) {
  std::vector<int64_t> ids;
  for (const auto& [row, id] : rows) ids.push_back(id);
  return ids;
}

TEST(DynamicIds, GivesEveryIdARowAtOnceWhenNoneHasToWait) {
  DynamicIds ids({.capacity = 2 * kBuckets}, 0, kBuckets, 2);
  EXPECT_THAT(IdsOf(ids.AdmitIds(std::vector<int64_t>{Id(0), Id(5)}, 0)),
              ElementsAre(Id(0), Id(5)));
  EXPECT_EQ(ids.Find(Id(0)), 6);
  EXPECT_EQ(ids.Find(Id(5)), 7);
  EXPECT_EQ(ids.Find(Id(1)), LruSlots::kEmpty);
  EXPECT_THAT(ids.AdmitIds(std::vector<int64_t>{Id(0)}, 1), IsEmpty()) << "it has one";
}

TEST(DynamicIds, AdmitsAfterThatManySteps) {
  DynamicIds ids({.capacity = kBuckets, .admit_after = 3}, 0, kBuckets, 1);
  const std::vector<int64_t> one = {Id(0)};
  EXPECT_THAT(ids.AdmitIds(one, 0), IsEmpty());
  EXPECT_THAT(ids.AdmitIds({}, 1), IsEmpty());
  EXPECT_THAT(ids.AdmitIds(one, 2), IsEmpty());
  EXPECT_THAT(IdsOf(ids.AdmitIds(one, 7)), ElementsAre(Id(0)));
}

TEST(DynamicIds, FullBucketGivesUpTheIdLongestWithoutUse) {
  DynamicIds ids({.capacity = 2 * kBuckets}, 0, kBuckets, 2);
  ids.AdmitIds(std::vector<int64_t>{Id(0), Id(1)}, 0);
  ids.AdmitIds(std::vector<int64_t>{Id(0)}, 1);
  EXPECT_THAT(IdsOf(ids.AdmitIds(std::vector<int64_t>{Id(2)}, 2)), ElementsAre(Id(2)));
  EXPECT_EQ(ids.Find(Id(1)), LruSlots::kEmpty);
  EXPECT_EQ(ids.Find(Id(0)), 6);
  EXPECT_EQ(ids.Find(Id(2)), 7);
}

TEST(DynamicIds, IdsOfTheStepDoNotDriveEachOtherOut) {
  DynamicIds ids({.capacity = 2 * kBuckets}, 0, kBuckets, 2);
  ids.AdmitIds(std::vector<int64_t>{Id(4)}, 0);
  EXPECT_THAT(IdsOf(ids.AdmitIds(std::vector<int64_t>{Id(0), Id(1), Id(4)}, 1)), ElementsAre(Id(0)))
      << "one row is free, and Id(4) is in use";
}

TEST(DynamicIds, EvictsByTime) {
  DynamicIds ids({.capacity = 2 * kBuckets, .evict_after = 10}, 0, kBuckets, 2);
  ids.AdmitIds(std::vector<int64_t>{Id(0)}, 0);
  ids.AdmitIds({}, 10);
  EXPECT_EQ(ids.size(), 1);
  ids.AdmitIds({}, 11);
  EXPECT_EQ(ids.size(), 0);
}

// Maps each id to its row, numbered over all ranks.
std::map<int64_t, int64_t> RowsOf(const DynamicIds& ids, int64_t first_bucket, int64_t slots) {
  std::map<int64_t, int64_t> rows;
  for (int64_t id = 0; id < 8 * kBuckets; ++id) {
    const int64_t row = ids.Find(id);
    if (row != LruSlots::kEmpty) rows[id] = row + first_bucket * slots;
  }
  return rows;
}

std::vector<int64_t> RandomIds(int64_t step) {
  std::set<int64_t> ids;
  RandomStream random(5, Purpose::kTest, step);
  for (int i = 0; i < 900; ++i) {
    const double zipf = random.NextDouble() * random.NextDouble() * random.NextDouble();
    ids.insert(static_cast<int64_t>(zipf * 8.0 * static_cast<double>(kBuckets)));
  }
  return {ids.begin(), ids.end()};
}

StateList StateOf(DynamicIds& ids) {
  StateList list;
  ids.ListRows({}, list);
  ids.ListWaiting({}, list);
  return list;
}

TEST(DynamicIds, SplitOverRanksAndRestoredHoldsWhatOneRankHolds) {
  const TableOptions options = {.capacity = 2 * kBuckets, .admit_after = 2, .evict_after = 30};
  constexpr int64_t kSlots = 2, kHalf = kBuckets / 2;
  DynamicIds whole(options, 0, kBuckets, kSlots);
  DynamicIds low(options, 0, kHalf, kSlots), high(options, kHalf, kHalf, kSlots);
  const auto restored = [](DynamicIds& from, DynamicIds to) {
    const StateList state = StateOf(from), loaded = StateOf(to);
    for (size_t i = 0; i < state.size(); ++i) loaded[i].values.copy_(state[i].values);
    for (const StateArray& array : loaded) {
      if (array.on_load) array.on_load();
    }
    return to;
  };
  int64_t evictions = 0, most = 0;
  for (int64_t step = 0; step < 200; ++step) {
    const std::vector<int64_t> ids = RandomIds(step);
    std::vector<int64_t> of_low, of_high;
    for (const int64_t id : ids) {
      (RowPartition::BucketOf(id) < kHalf ? of_low : of_high).push_back(id);
    }
    const int64_t before = whole.size();
    const auto admitted = std::ssize(whole.AdmitIds(ids, step));
    evictions += before + admitted - whole.size();
    most = std::max(most, whole.size());
    low.AdmitIds(of_low, step);
    high.AdmitIds(of_high, step);
    if (step % 50 == 49) {
      low = restored(low, DynamicIds(options, 0, kHalf, kSlots));
      high = restored(high, DynamicIds(options, kHalf, kHalf, kSlots));
    }
    std::map<int64_t, int64_t> together = RowsOf(low, 0, kSlots);
    together.merge(RowsOf(high, kHalf, kSlots));
    ASSERT_EQ(together, RowsOf(whole, 0, kSlots)) << "step " << step;
  }
  EXPECT_GT(evictions, 100);
  EXPECT_GT(most, kBuckets / 2);
}

}  // namespace
}  // namespace hearth
