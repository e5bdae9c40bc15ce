#include "trainer/table/dynamic_ids.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>

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

TEST(DynamicIds, IdThatFoundABucketFullKeepsItsCount) {
  DynamicIds ids({.capacity = kBuckets, .admit_after = 3}, 0, kBuckets, 1);
  for (const int64_t step : {0, 1, 2}) ids.AdmitIds(std::vector<int64_t>{Id(0)}, step);
  for (const int64_t step : {3, 4}) ids.AdmitIds(std::vector<int64_t>{Id(1)}, step);
  EXPECT_THAT(ids.AdmitIds(std::vector<int64_t>{Id(0), Id(1)}, 5), IsEmpty())
      << "the row is in use";
  EXPECT_THAT(IdsOf(ids.AdmitIds(std::vector<int64_t>{Id(1)}, 6)), ElementsAre(Id(1)));
  EXPECT_EQ(ids.Find(Id(0)), LruSlots::kEmpty);
  ids.AdmitIds(std::vector<int64_t>{Id(0)}, 7);
  ids.AdmitIds(std::vector<int64_t>{Id(0)}, 8);
  EXPECT_EQ(ids.Find(Id(1)), 3) << "an id that got a row starts to count anew";
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

// The rules of DynamicIds over plain lists, for the buckets from `first_bucket` on. Nothing is
// indexed; every question goes through all slots.
class PlainIds {
 public:
  PlainIds(const TableOptions& options, int64_t first_bucket, int64_t bucket_count, int64_t slots)
      : options_(options),
        first_bucket_(first_bucket),
        slots_(slots),
        rows_(bucket_count * slots),
        waiting_(bucket_count * slots) {}

  int64_t Find(int64_t id) const { return PlaceOf(rows_, id); }

  std::vector<std::pair<int64_t, int64_t>> AdmitIds(const std::vector<int64_t>& ids, int64_t step) {
    for (std::vector<Slot>* slots : {&rows_, &waiting_}) {
      for (Slot& slot : *slots) {
        if (options_.evict_after > 0 && slot.last + options_.evict_after < step) slot = {};
      }
    }
    for (const int64_t id : ids) {
      if (Find(id) >= 0) rows_[Find(id)].last = step;
    }
    std::vector<std::pair<int64_t, int64_t>> admitted;
    for (const int64_t id : ids) {
      if (Find(id) >= 0 || !IsAdmitted(id, step)) continue;
      const int64_t row = Give(rows_, id, step);
      if (row < 0) continue;
      admitted.emplace_back(row, id);
      if (PlaceOf(waiting_, id) >= 0) waiting_[PlaceOf(waiting_, id)] = {};
    }
    return admitted;
  }

 private:
  struct Slot {
    int64_t id = -1, last = 0, count = 0;
  };

  static int64_t PlaceOf(const std::vector<Slot>& slots, int64_t id) {
    const auto place = std::ranges::find(slots, id, &Slot::id);
    return place == slots.end() ? -1 : place - slots.begin();
  }

  // The lowest free slot of the id's bucket, else that of the id longest without use.
  int64_t Give(std::vector<Slot>& slots, int64_t id, int64_t step) const {
    const int64_t begin = (id % kBuckets - first_bucket_) * slots_;
    int64_t best = begin;
    for (int64_t slot = begin; slot < begin + slots_; ++slot) {
      const auto order = [&](int64_t s) {
        const bool taken = slots[s].id >= 0;
        return std::tuple(taken, taken ? slots[s].last : 0, taken ? slots[s].id : s);
      };
      if (order(slot) < order(best)) best = slot;
    }
    if (slots[best].id >= 0 && slots[best].last == step) return -1;
    slots[best] = {id, step, 0};
    return best;
  }

  bool IsAdmitted(int64_t id, int64_t step) {
    if (options_.admit_after == 1) return true;
    int64_t slot = PlaceOf(waiting_, id);
    if (slot < 0) slot = Give(waiting_, id, step);
    if (slot < 0) return false;
    waiting_[slot].last = step;
    return ++waiting_[slot].count >= options_.admit_after;
  }

  TableOptions options_;
  int64_t first_bucket_, slots_;
  std::vector<Slot> rows_, waiting_;
};

// Three buckets in the middle; ids are drawn so that buckets overflow and sometimes rest.
TEST(DynamicIds, FollowTheRulesOverPlainLists) {
  constexpr int64_t kFirst = 700, kCount = 3, kSteps = 400;
  for (const int64_t slots : {1, 2, 5}) {
    for (const int64_t admit_after : {1, 2, 3}) {
      for (const int64_t evict_after : {0, 1, 6}) {
        SCOPED_TRACE(fmt::format("{} slots, {}, {}", slots, admit_after, evict_after));
        const TableOptions options = {.admit_after = admit_after, .evict_after = evict_after};
        DynamicIds ids(options, kFirst, kCount, slots);
        PlainIds plain(options, kFirst, kCount, slots);
        int64_t admitted_count = 0;
        for (int64_t step = 0; step < kSteps; ++step) {
          RandomStream random(8, Purpose::kTest, step, slots);
          std::set<int64_t> drawn;
          for (int64_t i = random.NextBelow(8); i > 0; --i) {
            const int64_t bucket = kFirst + random.NextBelow(kCount);
            drawn.insert(bucket + kBuckets * random.NextBelow(2 * slots + 1));
          }
          const std::vector<int64_t> named(drawn.begin(), drawn.end());
          std::vector<std::pair<int64_t, int64_t>> admitted;
          for (const auto& [row, id] : ids.AdmitIds(named, step)) admitted.emplace_back(row, id);
          ASSERT_EQ(admitted, plain.AdmitIds(named, step)) << "step " << step;
          admitted_count += std::ssize(admitted);
          int64_t size = 0;
          for (int64_t i = 0; i < kCount * (2 * slots + 1); ++i) {
            const int64_t id = kFirst + i % kCount + kBuckets * (i / kCount);
            ASSERT_EQ(ids.Find(id), plain.Find(id)) << "step " << step << ", id " << id;
            size += plain.Find(id) >= 0;
          }
          ASSERT_EQ(ids.size(), size);
        }
        EXPECT_GT(admitted_count, 10);
      }
    }
  }
}

// Bytes that the heap has given out.
int64_t HeapBytes() {
  const struct mallinfo2 info = ::mallinfo2();
  return static_cast<int64_t>(info.uordblks + info.hblkhd);
}

TEST(DynamicIds, TakeTheMemoryThatIsCounted) {
  for (const int64_t admit_after : {1, 2}) {
    for (const int64_t slots : {64, 80}) {
      SCOPED_TRACE(fmt::format("{} slots, {}", slots, admit_after));
      const TableOptions options = {.admit_after = admit_after};
      const int64_t count = kBuckets * slots;
      std::vector<int64_t> named(count);
      std::iota(named.begin(), named.end(), int64_t{0});
      const int64_t before = HeapBytes();
      DynamicIds ids(options, 0, kBuckets, slots);
      for (int64_t step = 0; step < admit_after; ++step) ids.AdmitIds(named, step);
      EXPECT_EQ(ids.size(), count);
      for (int64_t& id : named) id += count;
      for (int64_t step = 2; step < 1 + admit_after; ++step) ids.AdmitIds(named, step);
      const int64_t taken = HeapBytes() - before;
      const int64_t counted = DynamicIds::BytesFor(options, kBuckets, slots);
      // The lists of slots that became free are not counted.
      EXPECT_NEAR(static_cast<double>(counted), static_cast<double>(taken),
                  0.06 * static_cast<double>(taken));
    }
  }
}

TEST(DynamicIds, IdOfAnotherRankIsABug) {
  DynamicIds ids({}, 10, 5, 2);
  EXPECT_DEATH(ids.AdmitIds(std::vector<int64_t>{9}, 0), "id 9 is of another rank");
  EXPECT_DEATH(ids.AdmitIds(std::vector<int64_t>{15}, 0), "id 15 is of another rank");
  EXPECT_THAT(IdsOf(ids.AdmitIds(std::vector<int64_t>{10, 14}, 0)), ElementsAre(10, 14));
}

}  // namespace
}  // namespace hearth
