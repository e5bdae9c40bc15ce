#include "trainer/table/sharded_tables.h"

#include <set>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/self_communicator.h"
#include "cluster/thread_communicator.h"
#include "common/random.h"
#include "trainer/tensor/parameters.h"

namespace hearth {
namespace {

using ::testing::IsEmpty;

constexpr int64_t kReplicateBytes = 1000;

ParameterLayout SmallLayout() {
  ParameterLayout layout;
  layout.Add({.name = "w", .shape = {3}});
  return layout;
}

// A small table that every rank keeps whole, and a large table.
MetaParameters Parameters(const TablePlacement& placement, at::ScalarType type = at::kDouble,
                          const TableOptions& options = {}) {
  return InitializeMetaParameters(
      SmallLayout(),
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

// The ids of a step, ascending: random ones, and ids on both sides of the borders between ranks.
std::vector<int64_t> IdsOfStep(int64_t step, int64_t id_count, int world_size) {
  const RowPartition partition(id_count, world_size);
  RandomStream random(9, Purpose::kTest, step);
  std::set<int64_t> ids = {0, id_count - 1};
  for (int rank = 1; rank < world_size; ++rank) {
    const int64_t border = partition.FirstBucketOf(rank);
    ids.insert(border - 1 + step % 2);
    ids.insert(border + RowPartition::kBuckets * (step % 3));
  }
  for (int i = 0; i < 60; ++i) ids.insert(static_cast<int64_t>(random.NextBelow(id_count)));
  return {ids.begin(), ids.end()};
}

// The gradient of an id in a step, from both numbers.
at::Tensor GradientOf(const std::vector<int64_t>& ids, int64_t step, int64_t dim) {
  std::vector<double> values;
  for (const int64_t id : ids) {
    RandomStream random(10, Purpose::kTest, id, step);
    for (int64_t i = 0; i < dim; ++i) values.push_back(random.NextNormal());
  }
  return FromDoubles(values, {std::ssize(ids), dim}, at::kFloat);
}

void StepTable(EmbeddingTable& table, const std::vector<int64_t>& ids, int64_t step) {
  table.AdmitIds(ids, step);
  table.Apply(ids, GradientOf(ids, step, table.dim()), 0.05, 0.01);
}

StateList StateOf(EmbeddingTable& table) {
  StateList list;
  table.ListModel(list);
  table.ListOptimizer(list);
  return list;
}

// Takes 150 steps of a whole table and of the shares of several ranks. Each share must then hold
// the bits of its place in the whole table.
void ExpectSharesStepLikeTheWhole(TableOptimizer optimizer, const TableOptions& options,
                                  int world_size) {
  const TableSpec spec = {.name = "t", .row_count = 5500, .dim = 3, .init_scale = 0.3};
  EmbeddingTable whole(spec, optimizer, 5, at::kFloat, options);
  std::vector<EmbeddingTable> shares;
  for (int rank = 0; rank < world_size; ++rank) {
    shares.emplace_back(spec, optimizer, 5, at::kFloat, options,
                        TablePlacement{rank, world_size, 0});
  }
  for (int64_t step = 0; step < 150; ++step) {
    const std::vector<int64_t> ids = IdsOfStep(step, spec.row_count, world_size);
    StepTable(whole, ids, step);
    std::vector<std::vector<int64_t>> of_rank(world_size);
    for (const int64_t id : ids) of_rank[shares[0].shape().partition.OwnerOf(id)].push_back(id);
    for (int rank = 0; rank < world_size; ++rank) StepTable(shares[rank], of_rank[rank], step);
  }
  const StateList expected = StateOf(whole);
  for (EmbeddingTable& share : shares) {
    const StateList state = StateOf(share);
    ASSERT_EQ(state.size(), expected.size());
    for (size_t i = 0; i < state.size(); ++i) {
      const PositionRange held = state[i].domain.held;
      EXPECT_TRUE(at::equal(state[i].values, expected[i].values.narrow(0, held.begin, held.size())))
          << state[i].name << " from " << held.begin;
    }
  }
}

TEST(ShardedTables, SharesStepLikeTheWholeTable) {
  for (const TableOptimizer optimizer : {TableOptimizer::kAdam, TableOptimizer::kAdagrad}) {
    for (const int world_size : {2, 3, 5}) {
      SCOPED_TRACE(world_size);
      ExpectSharesStepLikeTheWhole(optimizer, {}, world_size);
    }
  }
}

TEST(ShardedTables, SharesOfDynamicIdsStepLikeTheWholeTable) {
  const TableOptions options = {.capacity = 1500,
                                .admit_after = 2,
                                .evict_after = 40,
                                .new_rows = TableOptions::NewRows::kMean};
  for (const TableOptimizer optimizer : {TableOptimizer::kAdam, TableOptimizer::kAdagrad}) {
    for (const int world_size : {2, 3, 5}) {
      SCOPED_TRACE(world_size);
      ExpectSharesStepLikeTheWhole(optimizer, options, world_size);
    }
  }
}

TEST(ShardedTables, RankMayAskForNothingAndOwnNothing) {
  const auto make = [](const TablePlacement& placement) {
    return InitializeMetaParameters(
        SmallLayout(), {{.name = "three", .row_count = 3, .dim = 2, .init_scale = 1.0}},
        TableOptimizer::kAdam, 3, at::kFloat, {}, placement);
  };
  const MetaParameters whole = make({});
  RunOnThreads(4, [&](Communicator& communicator) {
    const int rank = communicator.rank();
    const MetaParameters parameters = make({rank, 4, 0});
    EXPECT_EQ(parameters.tables[0].rows().size(0), rank == 0 ? 3 : 0) << "the first buckets";
    const std::vector<std::vector<int64_t>> lists[] = {{{}}, {{0, 1, 2}}, {{2}}, {}};
    const FetchedRows fetched = FetchTableRows(communicator, lists[rank], parameters);
    const std::vector<int64_t> ids = rank == 3 ? std::vector<int64_t>() : lists[rank][0];
    EXPECT_EQ(fetched.tables[0].ids, ids);
    EXPECT_TRUE(at::equal(fetched.tables[0].rows, whole.tables[0].Gather(ids)));
  });
}

}  // namespace
}  // namespace hearth
