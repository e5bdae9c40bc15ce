#include "trainer/table/sharded_tables.h"

#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/self_communicator.h"
#include "cluster/thread_communicator.h"
#include "trainer/tensor/parameters.h"

namespace hearth {
namespace {

using ::testing::IsEmpty;

constexpr int64_t kReplicateBytes = 1000;

// A small table that every rank keeps whole, and a large table.
MetaParameters Parameters(const TablePlacement& placement, at::ScalarType type = at::kDouble,
                          const TableOptions& options = {}) {
  ParameterLayout layout;
  layout.Add({.name = "w", .shape = {3}});
  return InitializeMetaParameters(
      layout,
      {{.name = "small", .row_count = 10, .dim = 2, .init_scale = 1.0},
       {.name = "large", .row_count = 3000, .dim = 4, .init_scale = 1.0}},
      TableOptimizer::kAdam, /*seed=*/3, type, options, placement);
}

TablePlacement PlacementOf(const Communicator& communicator) {
  return {communicator.rank(), communicator.world_size(), kReplicateBytes};
}

// Rows of both tables; they depend on the rank.
std::vector<std::vector<int64_t>> RowsFor(int rank) {
  return {{1, 9}, {0, 5 + rank, 1023, 1024, 2000, 2999}};
}

TEST(ShardedTables, RowsThatWereFetchedAreThoseOfTheWholeTable) {
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    const MetaParameters whole = Parameters({}, type);
    for (const int world_size : {2, 3}) {
      RunOnThreads(world_size, [&](Communicator& communicator) {
        const MetaParameters parameters = Parameters(PlacementOf(communicator), type);
        EXPECT_TRUE(AnySharded(parameters));
        const auto rows = RowsFor(communicator.rank());
        const FetchedRows fetched = FetchTableRows(communicator, rows, parameters);
        EXPECT_THAT(fetched.tables[0].ids, IsEmpty()) << "every rank has the small table";
        EXPECT_EQ(fetched.tables[1].ids, rows[1]);
        const auto gathered = GatherTableRows(parameters, rows, fetched);
        const auto expected = GatherTableRows(whole, rows, {});
        EXPECT_TRUE(at::equal(gathered[0], expected[0]));
        EXPECT_TRUE(at::equal(gathered[1], expected[1]));
      });
    }
  }
}

TEST(ShardedTables, IdsWithoutARowAreFetchedAsNewRows) {
  const TableOptions options = {.capacity = 1024};
  const MetaParameters whole = Parameters({}, at::kDouble, options);
  RunOnThreads(2, [&](Communicator& communicator) {
    const MetaParameters parameters = Parameters(PlacementOf(communicator), at::kDouble, options);
    const auto rows = RowsFor(communicator.rank());
    const FetchedRows fetched = FetchTableRows(communicator, rows, parameters);
    EXPECT_TRUE(at::equal(GatherTableRows(parameters, rows, fetched)[1],
                          GatherTableRows(whole, rows, {})[1]));
  });
}

TEST(ShardedTables, FetchedRowsAreAValueThatStepsDoNotChange) {
  RunOnThreads(2, [&](Communicator& communicator) {
    MetaParameters parameters = Parameters(PlacementOf(communicator));
    const auto rows = RowsFor(communicator.rank());
    const FetchedRows before = FetchTableRows(communicator, rows, parameters);
    const std::vector<double> values = ToDoubles(before.tables[1].rows);
    for (const int64_t id : {0, 1023}) {
      EmbeddingTable& table = parameters.tables[1];
      if (table.LocalRowOf(id) == RowDirectory::kNoRow) continue;
      table.Apply({id}, at::full({1, 4}, 1.0, at::kDouble), 0.1, 0.0);
    }
    const FetchedRows after = FetchTableRows(communicator, rows, parameters);
    EXPECT_EQ(ToDoubles(before.tables[1].rows), values);
    EXPECT_NE(ToDoubles(after.tables[1].rows), values);
  });
}

TEST(ShardedTables, OneRankFetchesNothing) {
  SelfCommunicator self;
  const MetaParameters parameters = Parameters({});
  EXPECT_FALSE(AnySharded(parameters));
  const FetchedRows fetched = FetchTableRows(self, RowsFor(0), parameters);
  EXPECT_THAT(fetched.tables, IsEmpty());
  EXPECT_THAT(GatherTableRows(parameters, RowsFor(0), fetched)[1].sizes(),
              ::testing::ElementsAre(6, 4));
}

TEST(ShardedTables, RequestLeavesOutTablesThatEveryRankHas) {
  const MetaParameters parameters = Parameters({0, 2, kReplicateBytes});
  const RowRequest request = RequestRows(parameters, RowsFor(0));
  EXPECT_THAT(request.ids(0), IsEmpty());
  EXPECT_EQ(request.ids(1), RowsFor(0)[1]);
  EXPECT_EQ(RequestRows(parameters, {}).table_count(), 2) << "no entity, no list";
}

TEST(ShardedTables, RowsOfAShardedTableMustBeFetched) {
  const MetaParameters parameters = Parameters({0, 2, kReplicateBytes});
  EXPECT_DEATH(GatherTableRows(parameters, RowsFor(0), {}), "no row of table large was fetched");
}

}  // namespace
}  // namespace hearth
