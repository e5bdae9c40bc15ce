#include "cluster/chunk_sums.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/counting_communicator.h"
#include "cluster/self_communicator.h"
#include "cluster/thread_communicator.h"
#include "common/error.h"
#include "tests/cluster/chunk_sums_checks.h"

namespace hearth {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::SumCase;
using testing::SumOfChunks;
using testing::WholeSum;

constexpr ReduceMode kModes[] = {ReduceMode::kExact, ReduceMode::kFast};

// Runs a sum on all ranks, checks that all results are equal, and returns the last one.
template <typename Real>
WholeSum<Real> SumOnWorld(int world_size, const SumCase& sum) {
  std::vector<WholeSum<Real>> sums(world_size);
  RunOnThreads(world_size, [&](Communicator& communicator) {
    sums[communicator.rank()] = SumOfChunks<Real>(communicator, sum);
  });
  for (const WholeSum<Real>& one : sums) EXPECT_TRUE(one == sums.back());
  return sums.back();
}

template <typename Real>
class ChunkSumsOf : public ::testing::Test {};
using Reals = ::testing::Types<float, double>;
TYPED_TEST_SUITE(ChunkSumsOf, Reals);

TYPED_TEST(ChunkSumsOf, AnyDealToAnyNumberOfRanksGivesTheSameBits) {
  const auto expected = SumOnWorld<TypeParam>(1, {.length = 1001});
  for (const int world_size : {2, 3, 4, 6}) {
    for (const bool sharded : {false, true}) {
      EXPECT_TRUE(SumOnWorld<TypeParam>(world_size, {.length = 1001, .sharded = sharded}) ==
                  expected)
          << world_size << " ranks, sharded " << sharded;
    }
  }
}

TYPED_TEST(ChunkSumsOf, FastModeDoesDependOnTheDeal) {
  const SumCase sum = {.mode = ReduceMode::kFast, .length = 1001, .sharded = true};
  const auto one = SumOnWorld<TypeParam>(1, sum);
  int dense = 0, rows = 0;
  for (const int world_size : {2, 3, 4, 6}) {
    const auto several = SumOnWorld<TypeParam>(world_size, sum);
    dense += several.dense != one.dense;
    rows += several.rows[0].rows != one.rows[0].rows;
  }
  EXPECT_GT(dense, 0);
  EXPECT_GT(rows, 0);
}

TYPED_TEST(ChunkSumsOf, IsWithinTheDocumentedErrorOfALongDoubleSum) {
  const SumCase sum = {.length = 1001};
  std::vector<long double> expected(1001);
  double largest = 0;
  for (int64_t chunk = 0; chunk < sum.chunk_count; ++chunk) {
    const auto values = testing::ChunkVector<TypeParam>(chunk, sum.length);
    for (size_t i = 0; i < values.size(); ++i) {
      expected[i] += values[i];
      largest = std::max(largest, std::abs(static_cast<double>(values[i])));
    }
  }
  const auto exact = SumOnWorld<TypeParam>(3, sum).dense;
  const auto chunks = static_cast<long double>(sum.chunk_count);
  const long double unit = largest * chunks * 0x1p-60L;
  for (size_t i = 0; i < expected.size(); ++i) {
    const long double rounding =
        std::abs(expected[i]) * std::numeric_limits<TypeParam>::epsilon() / 2;
    EXPECT_LE(std::abs(exact[i] - expected[i]), chunks * unit / 2 + rounding * 1.001L) << i;
  }
}

TYPED_TEST(ChunkSumsOf, FastModeIsCloseToExact) {
  const auto exact = SumOnWorld<TypeParam>(4, {.length = 1001}).dense;
  const auto fast = SumOnWorld<TypeParam>(4, {.mode = ReduceMode::kFast, .length = 1001}).dense;
  const double scale = std::abs(static_cast<double>(*std::ranges::max_element(exact)));
  for (size_t i = 0; i < exact.size(); ++i) {
    EXPECT_NEAR(fast[i], exact[i], scale * 24 * std::numeric_limits<TypeParam>::epsilon());
  }
}

TYPED_TEST(ChunkSumsOf, RowsAgreeWithAMapOfSums) {
  constexpr int64_t kDim = 5;
  for (const int64_t table : {0, 1}) {
    std::map<int64_t, std::vector<long double>> expected;
    double largest = 0;
    for (int64_t chunk = 0; chunk < 24; ++chunk) {
      const auto rows = testing::ChunkRows<TypeParam>(chunk + 100 * table, kDim);
      for (size_t row = 0; row < rows.ids.size(); ++row) {
        std::vector<long double>& sum = expected[rows.ids[row]];
        sum.resize(kDim);
        for (size_t i = 0; i < kDim; ++i) sum[i] += rows.rows[row * kDim + i];
      }
      for (const TypeParam value : rows.rows) largest = std::max(largest, std::abs(double{value}));
    }
    for (const ReduceMode mode : kModes) {
      for (const bool sharded : {false, true}) {
        const auto sum = SumOnWorld<TypeParam>(3, {.mode = mode, .dim = kDim, .sharded = sharded});
        const auto& [ids, rows] = sum.rows[table];
        ASSERT_EQ(ids.size(), expected.size());
        ASSERT_EQ(rows.size(), expected.size() * kDim);
        size_t position = 0;
        for (const auto& [id, row] : expected) {
          EXPECT_EQ(ids[position], id);
          for (size_t i = 0; i < kDim; ++i) {
            EXPECT_NEAR(rows[position * kDim + i], static_cast<double>(row[i]),
                        largest * 24 * std::numeric_limits<TypeParam>::epsilon());
          }
          ++position;
        }
      }
    }
  }
}

// Sums one vector and one table in a single process.
template <typename Real>
ChunkSums<Real> SumsOf(int64_t length, int64_t dim, ReduceMode mode, int world_size = 1) {
  return ChunkSums<Real>({.mode = mode,
                          .dense = length,
                          .scalars = 0,
                          .tables = {{dim, RowPartition(100, world_size), false}}});
}

TYPED_TEST(ChunkSumsOf, OneChunkOfFloatComesBackUnchanged) {
  SelfCommunicator self;
  // The values lie within 2^36 of each other, so neither float nor double loses a bit.
  const std::vector<TypeParam> values = {TypeParam(1.5), TypeParam(-0.1f),
                                         TypeParam(0x1.fffffep-30), TypeParam(0)};
  for (const ReduceMode mode : kModes) {
    auto sums = SumsOf<TypeParam>(4, 4, mode);
    sums.AddDense(values);
    sums.AddRows(0, std::vector<int64_t>{7}, values);
    sums.EndChunk();
    const auto result = sums.Reduce(self, 1, nullptr, nullptr);
    EXPECT_EQ(result.dense, values);
    EXPECT_EQ(result.rows[0].rows, values);
  }
}

TYPED_TEST(ChunkSumsOf, AddsDenormalsExactly) {
  SelfCommunicator self;
  const TypeParam tiny = std::numeric_limits<TypeParam>::denorm_min();
  auto sums = SumsOf<TypeParam>(2, 1, ReduceMode::kExact);
  for (int chunk = 0; chunk < 5; ++chunk) {
    sums.AddDense(std::vector<TypeParam>{tiny, -tiny * 3});
    sums.EndChunk();
  }
  EXPECT_THAT(sums.Reduce(self, 5, nullptr, nullptr).dense, ElementsAre(5 * tiny, -15 * tiny));
}

TYPED_TEST(ChunkSumsOf, IsZeroWithoutChunksAndForZeros) {
  for (const ReduceMode mode : kModes) {
    RunOnThreads(3, [&](Communicator& communicator) {
      auto sums = SumsOf<TypeParam>(2, 3, mode, 3);
      const auto none = sums.Reduce(communicator, 0, nullptr, nullptr);
      EXPECT_THAT(none.dense, ElementsAre(0, 0));
      EXPECT_TRUE(none.rows[0].ids.empty());

      sums.AddDense(std::vector<TypeParam>{0, TypeParam(-0.0)});
      sums.AddRows(0, std::vector<int64_t>{5}, std::vector<TypeParam>{0, 0, 0});
      sums.EndChunk();
      const auto zeros = sums.Reduce(communicator, 3, nullptr, nullptr);
      EXPECT_THAT(zeros.dense, ElementsAre(0, 0));
      EXPECT_THAT(zeros.rows[0].ids, ElementsAre(5)) << "touched, by a gradient of zero";
    });
  }
}

TYPED_TEST(ChunkSumsOf, RankWithoutAChunkTakesPart) {
  for (const ReduceMode mode : kModes) {
    RunOnThreads(3, [&](Communicator& communicator) {
      auto sums = SumsOf<TypeParam>(2, 2, mode, 3);
      if (communicator.rank() == 1) {
        sums.AddDense(std::vector<TypeParam>{1, 2});
        sums.AddRows(0, std::vector<int64_t>{9, 4}, std::vector<TypeParam>{1, 2, 3, 4});
        sums.EndChunk();
      }
      const auto result = sums.Reduce(communicator, 1, nullptr, nullptr);
      EXPECT_THAT(result.dense, ElementsAre(1, 2));
      EXPECT_THAT(result.rows[0].ids, ElementsAre(4, 9));
      EXPECT_THAT(result.rows[0].rows, ElementsAre(3, 4, 1, 2));
    });
  }
}

TYPED_TEST(ChunkSumsOf, StartsEmptyAgainAfterReduce) {
  SelfCommunicator self;
  auto sums = SumsOf<TypeParam>(1, 1, ReduceMode::kExact);
  for (const int value : {3, 5}) {
    const std::vector<TypeParam> values = {static_cast<TypeParam>(value)};
    sums.AddDense(values);
    sums.AddRows(0, std::vector<int64_t>{value}, values);
    sums.EndChunk();
    const auto result = sums.Reduce(self, 1, nullptr, nullptr);
    EXPECT_EQ(result.dense, values);
    EXPECT_THAT(result.rows[0].ids, ElementsAre(value));
  }
}

TYPED_TEST(ChunkSumsOf, NonFiniteValueIsRefusedOnEveryRankNamingThePlace) {
  for (const TypeParam bad :
       {std::numeric_limits<TypeParam>::quiet_NaN(), -std::numeric_limits<TypeParam>::infinity()}) {
    std::atomic<int> refused = 0;
    RunOnThreads(3, [&](Communicator& communicator) {
      auto sums = SumsOf<TypeParam>(3, 1, ReduceMode::kExact, 3);
      for (const int chunk : {0, 1}) {
        const bool is_bad = chunk == 1 && communicator.rank() == 2;
        sums.AddDense(std::vector<TypeParam>{1, is_bad ? bad : 2, 3});
        sums.EndChunk();
      }
      try {
        sums.Reduce(communicator, 6, nullptr, nullptr);
      } catch (const NumericError& error) {
        EXPECT_THAT(error.what(), HasSubstr("in chunk 1, element 1"));
        EXPECT_THAT(error.what(), HasSubstr("rank 2"));
        ++refused;
      }
    });
    EXPECT_EQ(refused, 3);
  }
}

TYPED_TEST(ChunkSumsOf, NonFiniteRowIsRefusedOnEveryRank) {
  std::atomic<int> refused = 0;
  RunOnThreads(2, [&](Communicator& communicator) {
    auto sums = SumsOf<TypeParam>(0, 1, ReduceMode::kExact, 2);
    const TypeParam bad = std::numeric_limits<TypeParam>::infinity();
    if (communicator.rank() == 1) {
      sums.AddRows(0, std::vector<int64_t>{3, 5}, std::vector<TypeParam>{1, bad});
      sums.EndChunk();
    }
    try {
      sums.Reduce(communicator, 1, nullptr, nullptr);
    } catch (const NumericError& error) {
      EXPECT_THAT(error.what(), AllOf(HasSubstr("rank 1"), HasSubstr("id 5")));
      ++refused;
    }
  });
  EXPECT_EQ(refused, 2);
}

TEST(ChunkSums, MakesOneCallOfEachKindAndCarriesTheNextIds) {
  for (const ReduceMode mode : kModes) {
    RunOnThreads(3, [&](Communicator& inner) {
      CountingCommunicator communicator(inner);
      const SumCase sum = {.mode = mode, .sharded = true};
      const auto options = testing::OptionsOf<float>(sum, communicator);
      ChunkSums<float> sums(options);
      RowRequest request(options.tables, {{}, {}}), next(options.tables, {{1, 2, 3}, {}});
      ExchangeIds(communicator, request);
      communicator.Clear();
      sums.Reduce(communicator, 0, &request, &next);
      EXPECT_EQ(communicator.all_reduce().calls, 2);
      EXPECT_EQ(communicator.all_to_all().calls, 1);
      EXPECT_EQ(communicator.total().calls, 3);
      for (int64_t id : {1, 2, 3}) {
        if (options.tables[0].partition.OwnerOf(id) != communicator.rank()) continue;
        EXPECT_THAT(next.AskedBy(0, 2), ::testing::Contains(id));
      }
    });
  }
}

// Counts the least bytes a step can send: each row that a rank needs of another, there and back.
TEST(ChunkSums, StepSendsAtMostATenthMoreThanTheRowsThemselves) {
  constexpr int64_t kDim = 32, kIds = 800, kChunks = 4, kRows = 20000;
  for (const int world_size : {2, 3, 4, 6, 8}) {
    RunOnThreads(world_size, [&](Communicator& inner) {
      CountingCommunicator communicator(inner);
      const std::vector<TableShape> tables = {{kDim, RowPartition(kRows, world_size), true}};
      const auto rank = static_cast<uint64_t>(communicator.rank());
      std::vector<int64_t> ids =
          SampleWithoutReplacement(kRows, kIds, RandomStream(3, Purpose::kTest, rank));
      std::ranges::sort(ids);
      RowRequest request(tables, {ids});
      ExchangeIds(communicator, request);
      RowRequest next(tables, {ids});
      communicator.Clear();
      FetchRows<float>(communicator, tables, request,
                       [&](int64_t, std::span<const int64_t> asked, float* out) {
                         std::fill_n(out, asked.size() * kDim, 1.0f);
                       });
      ChunkSums<float> sums(
          {.mode = ReduceMode::kFast, .dense = 0, .scalars = 0, .tables = tables});
      for (int64_t chunk = 0; chunk < kChunks; ++chunk) {  // every row in every chunk
        sums.AddRows(0, ids, std::vector<float>(ids.size() * kDim, 0.5f));
        sums.EndChunk();
      }
      sums.Reduce(communicator, kChunks * world_size, &request, &next);
      int64_t remote = 0;
      for (const int64_t id : ids) {
        remote += tables[0].partition.OwnerOf(id) != communicator.rank();
      }
      std::array<int64_t, 2> bytes = {communicator.all_to_all().sent_bytes, 2 * remote * kDim * 4};
      inner.AllReduce(std::span<int64_t>(bytes), ReduceOp::kSum);
      EXPECT_LE(static_cast<double>(bytes[0]), 1.1 * static_cast<double>(bytes[1]))
          << world_size << " ranks";
    });
  }
}

TEST(ChunkSums, RowThatWasNotAskedForIsABug) {
  EXPECT_DEATH(RunOnThreads(2,
                            [](Communicator& communicator) {
                              const SumCase sum = {.length = 0, .dim = 1, .sharded = true};
                              const auto options = testing::OptionsOf<float>(sum, communicator);
                              ChunkSums<float> sums(options);
                              sums.AddRows(0, std::vector<int64_t>{3}, std::vector<float>{1});
                              RowRequest request(options.tables, {{4}, {}});
                              ExchangeIds(communicator, request);
                              sums.Reduce(communicator, 2, &request, nullptr);
                            }),
               "the row of id 3 was not asked for");
}

TEST(ChunkSums, MoreChunksThanAnnouncedAreABug) {
  SelfCommunicator self;
  auto sums = SumsOf<float>(1, 1, ReduceMode::kExact);
  for (int chunk = 0; chunk < 2; ++chunk) {
    sums.AddDense(std::vector<float>{1});
    sums.EndChunk();
  }
  EXPECT_DEATH(sums.Reduce(self, 1, nullptr, nullptr), "2 chunks here, 1 announced");
}

TEST(ChunkSums, IdTwiceInAChunkIsABug) {
  auto sums = SumsOf<float>(0, 1, ReduceMode::kExact);
  const std::vector<int64_t> ids = {4, 7, 4};
  const std::vector<float> values = {1, 2, 3};
  EXPECT_DEATH(sums.AddRows(0, ids, values), "id 4 twice");
}

}  // namespace
}  // namespace hearth
