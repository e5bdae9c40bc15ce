#include "trainer/table/meta_parameters.h"

#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/stack.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hearth {
namespace {

using ::testing::ElementsAre;

const TableSpec kTiny = {.name = "tiny", .row_count = 3, .dim = 2, .init_scale = 1.0};
const TableSpec kOdd = {.name = "odd", .row_count = 2500, .dim = 5, .init_scale = 0.5};

ParameterLayout Layout() {
  ParameterLayout layout;
  layout.Add({.name = "w", .shape = {4, 3}, .init = ParameterInit::kFanIn});
  layout.Add({.name = "b", .shape = {3}});
  return layout;
}

MetaParameters Make(const std::vector<TableSpec>& tables, uint64_t seed,
                    const TablePlacement& placement = {}, at::ScalarType type = at::kFloat) {
  return InitializeMetaParameters(Layout(), tables, TableOptimizer::kAdam, seed, type, {},
                                  placement);
}

TEST(MetaParameters, FirstValuesOfATableDependOnItsNameAndTheSeedAlone) {
  const MetaParameters two = Make({kTiny, kOdd}, 3);
  const MetaParameters turned = Make({kOdd, kTiny}, 3);
  EXPECT_TRUE(at::equal(two.dense, turned.dense));
  EXPECT_TRUE(at::equal(two.tables[0].rows(), turned.tables[1].rows()));
  EXPECT_TRUE(at::equal(two.tables[1].rows(), turned.tables[0].rows()));
  const MetaParameters other = Make({kTiny, kOdd}, 4);
  EXPECT_FALSE(at::equal(two.dense, other.dense));
  EXPECT_FALSE(at::equal(two.tables[0].rows(), other.tables[0].rows()));
}

TEST(MetaParameters, SharesOfAllRanksAreTheWholeTable) {
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    const MetaParameters whole = Make({kTiny, kOdd}, 3, {}, type);
    for (const int world_size : {2, 3, 5, 1024}) {
      SCOPED_TRACE(fmt::format("{} ranks", world_size));
      std::vector<std::vector<at::Tensor>> shares(2);
      for (int rank = 0; rank < world_size; ++rank) {
        const MetaParameters part = Make({kTiny, kOdd}, 3, {rank, world_size, 0}, type);
        EXPECT_TRUE(at::equal(part.dense, whole.dense));
        for (size_t t = 0; t < 2; ++t) {
          EXPECT_TRUE(part.tables[t].shape().sharded);
          shares[t].push_back(part.tables[t].rows());
        }
      }
      for (size_t t = 0; t < 2; ++t) {
        EXPECT_TRUE(at::equal(at::cat(shares[t], 0), whole.tables[t].rows())) << t;
      }
    }
  }
}

TEST(MetaParameters, RowsComeFromTheTableOrFromTheFetchedRowsOfItsOwnNumber) {
  // Of two tables the second one is sharded: 2500 rows of 5 floats do not fit.
  const MetaParameters parameters = Make({kTiny, kOdd}, 3, {1, 2, 100});
  const MetaParameters whole = Make({kTiny, kOdd}, 3);
  ASSERT_FALSE(parameters.tables[0].shape().sharded);
  ASSERT_TRUE(parameters.tables[1].shape().sharded);
  const std::vector<int64_t> ids = {0, 511, 512, 2499};
  const FetchedRows fetched = {.tables = {{}, {ids, whole.tables[1].Gather(ids)}}};
  const std::vector<std::vector<int64_t>> named = {{2, 0, 2}, {2499, 511, 511, 0}};
  const std::vector<at::Tensor> rows = GatherTableRows(parameters, named, fetched);
  ASSERT_EQ(rows.size(), 2);
  for (size_t t = 0; t < 2; ++t) {
    EXPECT_TRUE(at::equal(rows[t], whole.tables[t].Gather(named[t]))) << t;
  }
  const std::vector<at::Tensor> none = GatherTableRows(parameters, {{}, {}}, fetched);
  EXPECT_THAT(none[0].sizes(), ElementsAre(0, 2));
  EXPECT_THAT(none[1].sizes(), ElementsAre(0, 5));
}

TEST(MetaParameters, MarksAndDomainsOfAShareAreItsOwn) {
  MetaParameters parameters = Make({kOdd}, 3, {1, 3, 0});
  EmbeddingTable& table = parameters.tables[0];
  StateList list;
  table.ListModel(list);
  table.ListOptimizer(list);
  const PositionRange owned = table.shape().partition.OwnedBy(1);
  int64_t greatest = -1;  // id of this rank
  for (int64_t id = 0; id < kOdd.row_count; ++id) {
    if (table.shape().partition.OwnerOf(id) == 1) greatest = id;
  }
  table.Apply({greatest}, table.Gather(std::vector<int64_t>{greatest}), 0.1, 0.0);
  for (const StateArray& array : list) {
    EXPECT_EQ(array.domain.held.begin, owned.begin) << array.name;
    EXPECT_EQ(array.domain.held.end, owned.end) << array.name;
    EXPECT_EQ(array.domain.row_count, kOdd.row_count) << array.name;
    EXPECT_EQ(array.values.size(0), owned.size()) << array.name;
    EXPECT_TRUE(array.domain.sharded) << array.name;
    ASSERT_NE(array.domain.changed, nullptr) << array.name;
    EXPECT_THAT(array.domain.changed->OffsetsIn(0, owned.size()),
                ElementsAre(table.LocalRowOf(greatest)))
        << array.name;
  }
}

}  // namespace
}  // namespace hearth
