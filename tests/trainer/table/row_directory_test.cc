#include "trainer/table/row_directory.h"

#include <set>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hearth {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int64_t kBuckets = RowPartition::kBuckets, kIds = 2500;

TableSpec Spec(int64_t ids = kIds) { return {.name = "item.id", .row_count = ids, .dim = 4}; }

RowDirectory Directory(const TableOptions& options, const TablePlacement& placement) {
  return RowDirectory(Spec(), options, ShapeOf(Spec(), options, 4, placement), placement.rank);
}

std::vector<uint32_t> ChangedRowsOf(const RowDirectory& directory) {
  return directory.changed().OffsetsIn(0, directory.owned().size());
}

TEST(RowDirectory, EveryIdHasOneRowOnOneRank) {
  for (const int world_size : {1, 3, 7}) {
    std::vector<int> found(kIds, 0);
    int64_t rows = 0;
    for (int rank = 0; rank < world_size; ++rank) {
      const RowDirectory directory = Directory({}, {rank, world_size, /*replicate_bytes=*/0});
      EXPECT_EQ(directory.shape().sharded, world_size > 1);
      std::set<int64_t> taken;
      for (int64_t id = 0; id < kIds; ++id) {
        const int64_t row = directory.Find(id);
        if (row == RowDirectory::kNoRow) continue;
        ++found[id];
        taken.insert(row);
        EXPECT_EQ(directory.IdAt(row), id);
        EXPECT_TRUE(directory.buckets().Contains(RowPartition::BucketOf(id)));
      }
      EXPECT_EQ(std::ssize(taken), directory.owned().size());
      rows += directory.owned().size();
    }
    EXPECT_THAT(found, ::testing::Each(1)) << world_size << " ranks";
    EXPECT_EQ(rows, kIds);
  }
}

TEST(RowDirectory, TableThatIsNotShardedHasAllRowsOnEveryRank) {
  for (const int rank : {0, 2}) {
    const RowDirectory directory = Directory({}, {rank, 3, kIds * 4 * 4});
    EXPECT_FALSE(directory.shape().sharded);
    for (int64_t id = 0; id < kIds; ++id) EXPECT_NE(directory.Find(id), RowDirectory::kNoRow);
  }
}

TEST(RowDirectory, TableIsShardedAboveTheSizeThatIsReplicated) {
  EXPECT_FALSE(ShapeOf(Spec(), {}, 4, {0, 2, kIds * 4 * 4}).sharded);
  EXPECT_TRUE(ShapeOf(Spec(), {}, 4, {0, 2, kIds * 4 * 4 - 1}).sharded);
  EXPECT_FALSE(ShapeOf(Spec(), {}, 4, {0, 1, 0}).sharded) << "one rank";
  EXPECT_TRUE(ShapeOf(Spec(), {.capacity = 1}, 4, {0, 2, kIds * 4 * 4}).sharded) << "dynamic ids";
}

TEST(RowDirectory, CapacityIsRoundedUpToWholeBucketsAndCountsOnlyBelowTheIds) {
  EXPECT_EQ(ShapeOf(Spec(), {.capacity = 1025}, 4, {}).partition.row_count(), 2 * kBuckets);
  EXPECT_EQ(ShapeOf(Spec(), {.capacity = kIds}, 4, {}).partition.row_count(), kIds);
  EXPECT_FALSE(Directory({.capacity = kIds}, {}).is_dynamic());
  EXPECT_TRUE(Directory({.capacity = kIds - 1}, {}).is_dynamic());
}

TEST(RowDirectory, DynamicIdsHaveARowOnceTheyWereAdmitted) {
  RowDirectory directory = Directory({.capacity = 2 * kBuckets}, {});
  EXPECT_EQ(directory.id_count(), kIds);
  EXPECT_EQ(directory.row_count(), 2 * kBuckets);
  const std::vector<int64_t> ids = {1, kBuckets + 1};
  EXPECT_THAT(directory.FindAll(ids), ElementsAre(RowDirectory::kNoRow, RowDirectory::kNoRow));
  const auto rows = directory.AdmitIds(ids, 0);
  ASSERT_EQ(rows.size(), 2);
  EXPECT_EQ(rows[0].id, 1);
  EXPECT_EQ(rows[1].id, kBuckets + 1);
  EXPECT_THAT(directory.FindAll(ids), ElementsAre(rows[0].row, rows[1].row));
  EXPECT_EQ(directory.IdAt(rows[0].row), 1);
  EXPECT_EQ(directory.IdAt(rows[0].row + 2), RowDirectory::kNoRow) << "free";
  EXPECT_THAT(ChangedRowsOf(directory), ElementsAre(rows[0].row, rows[1].row));
}

TEST(RowDirectory, TableOfAllIdsAdmitsNone) {
  RowDirectory directory = Directory({}, {});
  EXPECT_THAT(directory.AdmitIds(std::vector<int64_t>{1, 2}, 0), IsEmpty());
  EXPECT_THAT(ChangedRowsOf(directory), IsEmpty());
}

TEST(RowDirectory, MarksStayUntilForgotten) {
  for (const int64_t capacity : {int64_t{0}, 2 * kBuckets}) {
    RowDirectory directory = Directory({.capacity = capacity}, {});
    directory.MarkChanged(std::vector<int64_t>{7, 3, 7});
    directory.MarkChanged(std::vector<int64_t>{1000});
    EXPECT_THAT(ChangedRowsOf(directory), ElementsAre(3, 7, 1000));
    directory.ForgetChanges();
    EXPECT_THAT(ChangedRowsOf(directory), IsEmpty());
  }
}

TEST(RowDirectory, IdsOutsideTheTableOrOfAnotherRankAreABug) {
  const RowDirectory whole = Directory({}, {});
  EXPECT_DEATH(whole.FindAll(std::vector<int64_t>{0, kIds}),
               "ids 0 to 2500 of table item.id, which has 2500");
  EXPECT_DEATH(whole.FindAll(std::vector<int64_t>{-1}), "ids -1 to -1");
  const RowDirectory first = Directory({}, {0, 2, 0});
  EXPECT_DEATH(first.FindAll(std::vector<int64_t>{kBuckets - 1}),
               "row 1023 of table item.id is on another rank");
  RowDirectory dynamic = Directory({.capacity = kBuckets}, {});
  EXPECT_DEATH(dynamic.AdmitIds(std::vector<int64_t>{kIds}, 0), "ids 2500 to 2500");
}

}  // namespace
}  // namespace hearth
