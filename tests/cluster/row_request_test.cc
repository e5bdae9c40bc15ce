#include "cluster/row_request.h"

#include <cmath>
#include <limits>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/counting_communicator.h"
#include "cluster/thread_communicator.h"
#include "common/random.h"

namespace hearth {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(RowPartition, PositionsAreAPermutationThatDoesNotDependOnTheRanks) {
  for (const int64_t rows : {0, 1, 5, 1023, 1024, 1025, 5000}) {
    const RowPartition one(rows, 1), seven(rows, 7);
    std::vector<int> hits(rows);
    for (int64_t id = 0; id < rows; ++id) {
      const int64_t position = one.PositionOf(id);
      EXPECT_EQ(position, seven.PositionOf(id));
      EXPECT_EQ(one.IdAt(position), id);
      ++hits[position];
    }
    EXPECT_THAT(hits, ::testing::Each(1)) << rows;
  }
}

TEST(RowPartition, RanksOwnNeighbouringRangesThatCoverTheTable) {
  for (const int world_size : {1, 2, 3, 7, 64, 1024}) {
    const RowPartition partition(5000, world_size);
    int64_t end = 0, largest = 0;
    for (int rank = 0; rank < world_size; ++rank) {
      const PositionRange owned = partition.OwnedBy(rank);
      EXPECT_EQ(owned.begin, end);
      end = owned.end;
      largest = std::max(largest, owned.size());
    }
    EXPECT_EQ(end, 5000);
    EXPECT_LE(largest, (1024 / world_size + 1) * 5) << world_size;
    for (int64_t id = 0; id < 5000; ++id) {
      EXPECT_TRUE(partition.OwnedBy(partition.OwnerOf(id)).Contains(partition.PositionOf(id)));
    }
  }
}

// Fills row `id` of table t with id + 1000 t in every element.
std::vector<std::vector<float>> Fetch(Communicator& communicator,
                                      const std::vector<TableShape>& tables,
                                      const RowRequest& request) {
  return FetchRows<float>(communicator, tables, request,
                          [&](int64_t table, std::span<const int64_t> ids, float* out) {
                            const TableShape& shape = tables[table];
                            for (const int64_t id : ids) {
                              EXPECT_EQ(shape.partition.OwnerOf(id), communicator.rank());
                              for (int64_t d = 0; d < shape.dim; ++d) {
                                *out++ = static_cast<float>(id + 1000 * table);
                              }
                            }
                          });
}

TEST(RowRequest, BringsTheRowsAskedForInTheOrderOfIds) {
  for (const int world_size : {1, 2, 3, 5}) {
    RunOnThreads(world_size, [&](Communicator& communicator) {
      const std::vector<TableShape> tables = {{3, RowPartition(700, world_size), true},
                                              {2, RowPartition(9, world_size), false},
                                              {1, RowPartition(90, world_size), true}};
      const auto rank = static_cast<uint64_t>(communicator.rank());
      std::vector<int64_t> ids =
          SampleWithoutReplacement(700, 50, RandomStream(3, Purpose::kTest, rank));
      std::ranges::sort(ids);
      // The last rank asks for nothing.
      if (communicator.rank() + 1 == world_size) ids.clear();
      RowRequest request(tables, {ids, {}, {7, 8, 80}});
      ExchangeIds(communicator, request);
      const auto rows = Fetch(communicator, tables, request);
      ASSERT_EQ(rows[0].size(), 3 * ids.size());
      for (size_t i = 0; i < rows[0].size(); ++i) {
        EXPECT_EQ(rows[0][i], static_cast<float>(ids[i / 3]));
      }
      EXPECT_THAT(rows[1], IsEmpty());
      EXPECT_THAT(rows[2], ElementsAre(2007, 2008, 2080));
    });
  }
}

TEST(RowRequest, FetchSendsEachRemoteRowOnceAndNothingElse) {
  RunOnThreads(4, [](Communicator& inner) {
    CountingCommunicator communicator(inner);
    const std::vector<TableShape> tables = {{32, RowPartition(5000, 4), true}};
    std::vector<int64_t> ids(1000);
    std::iota(ids.begin(), ids.end(), 0);
    RowRequest request(tables, {ids});
    ExchangeIds(communicator, request);
    communicator.Clear();
    Fetch(communicator, tables, request);
    int64_t remote = 0;
    for (const int64_t id : ids) remote += tables[0].partition.OwnerOf(id) != communicator.rank();
    EXPECT_EQ(communicator.total().calls, 1);
    EXPECT_EQ(communicator.all_to_all().received_bytes, remote * 32 * 4);
  });
}

TEST(Wire, RoundsToTheNearestBfloat16TiesToEven) {
  const auto round = [](float value) { return FromBfloat16(ToBfloat16(value)); };
  EXPECT_EQ(round(1.0f), 1.0f);
  EXPECT_EQ(round(-0.0f), 0.0f);
  EXPECT_EQ(round(1.0f + 0x1p-8f), 1.0f) << "between 1 and 1 + 2^-7: the even one";
  EXPECT_EQ(round(1.0f + 0x1.8p-7f), 1.0f + 0x1p-6f) << "the even one above";
  EXPECT_EQ(round(1.0f + 0x1.1p-8f), 1.0f + 0x1p-7f);
  EXPECT_TRUE(std::isinf(round(std::numeric_limits<float>::infinity())));
  EXPECT_TRUE(std::isnan(round(std::numeric_limits<float>::quiet_NaN())));
}

TEST(RowRequest, RowsInBfloat16TakeHalfTheBytes) {
  RunOnThreads(2, [](Communicator& inner) {
    CountingCommunicator communicator(inner);
    const std::vector<TableShape> tables = {{8, RowPartition(3000, 2), true, Wire::kBfloat16}};
    RowRequest request(tables, {{100, 200, 700, 2999}});
    ExchangeIds(communicator, request);
    communicator.Clear();
    const auto rows = Fetch(communicator, tables, request);
    EXPECT_EQ(rows[0][0], 100.0f);
    EXPECT_EQ(rows[0][31], 2992.0f) << "2999 in 8 bits";
    int64_t remote = 0;
    for (const int64_t id : request.ids(0)) {
      remote += tables[0].partition.OwnerOf(id) != communicator.rank();
    }
    EXPECT_EQ(communicator.all_to_all().received_bytes, remote * 8 * 2);
  });
}

}  // namespace
}  // namespace hearth
