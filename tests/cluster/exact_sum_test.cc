#include "cluster/exact_sum.h"

#include <atomic>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/self_communicator.h"
#include "cluster/thread_communicator.h"
#include "common/error.h"
#include "tests/cluster/exact_sum_checks.h"

namespace hearth {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::SumOfChunks;
using testing::SumOfRows;

constexpr int64_t kChunks = 24;
constexpr int64_t kLength = 1001;
constexpr int64_t kDim = 5;

// Runs `compute` on a world and gives the result of its last rank after checking that all are
// equal.
template <typename Result>
Result OnWorld(int world_size, const std::function<Result(Communicator&)>& compute) {
  std::vector<Result> results(static_cast<size_t>(world_size));
  RunOnThreads(world_size, [&](Communicator& communicator) {
    results[static_cast<size_t>(communicator.rank())] = compute(communicator);
  });
  for (const Result& result : results) EXPECT_TRUE(result == results.back());
  return results.back();
}

template <typename Real>
std::vector<Real> VectorSum(int world_size, ReduceMode mode) {
  return OnWorld<std::vector<Real>>(world_size, [&](Communicator& communicator) {
    return SumOfChunks<Real>(communicator, kChunks, kLength, mode);
  });
}

template <typename Real>
std::pair<std::vector<int64_t>, std::vector<Real>> RowsSum(int world_size, ReduceMode mode) {
  using Result = std::pair<std::vector<int64_t>, std::vector<Real>>;
  return OnWorld<Result>(world_size, [&](Communicator& communicator) {
    RowSum<Real> sum = SumOfRows<Real>(communicator, kChunks, kDim, mode);
    return Result(std::move(sum.ids), std::move(sum.rows));
  });
}

template <typename Real>
class ExactSum : public ::testing::Test {};
using Reals = ::testing::Types<float, double>;
TYPED_TEST_SUITE(ExactSum, Reals);

TYPED_TEST(ExactSum, AnyDealToAnyNumberOfRanksGivesTheSameBits) {
  const auto expected = VectorSum<TypeParam>(1, ReduceMode::kExact);
  for (const int world_size : {2, 3, 4, 6}) {
    EXPECT_TRUE(VectorSum<TypeParam>(world_size, ReduceMode::kExact) == expected) << world_size;
  }
}

TYPED_TEST(ExactSum, FastModeDoesDependOnTheDeal) {
  const auto one = VectorSum<TypeParam>(1, ReduceMode::kFast);
  int different = 0;
  for (const int world_size : {2, 3, 4, 6}) {
    if (VectorSum<TypeParam>(world_size, ReduceMode::kFast) != one) ++different;
  }
  EXPECT_GT(different, 0);
}

TYPED_TEST(ExactSum, IsWithinTheDocumentedErrorOfALongDoubleSum) {
  std::vector<long double> expected(kLength);
  double largest = 0;
  for (int64_t chunk = 0; chunk < kChunks; ++chunk) {
    const auto values = testing::ChunkVector<TypeParam>(chunk, kLength);
    for (size_t i = 0; i < values.size(); ++i) {
      expected[i] += values[i];
      largest = std::max(largest, std::abs(static_cast<double>(values[i])));
    }
  }
  const auto exact = VectorSum<TypeParam>(3, ReduceMode::kExact);
  const long double unit = largest * kChunks * 0x1p-60L;
  for (size_t i = 0; i < expected.size(); ++i) {
    const long double rounding =
        std::abs(expected[i]) * std::numeric_limits<TypeParam>::epsilon() / 2;
    EXPECT_LE(std::abs(exact[i] - expected[i]), kChunks * unit / 2 + rounding * 1.001L) << i;
  }
}

TYPED_TEST(ExactSum, FastModeIsCloseToExact) {
  const auto exact = VectorSum<TypeParam>(4, ReduceMode::kExact);
  const auto fast = VectorSum<TypeParam>(4, ReduceMode::kFast);
  const double scale = std::abs(static_cast<double>(*std::ranges::max_element(exact)));
  for (size_t i = 0; i < exact.size(); ++i) {
    EXPECT_NEAR(fast[i], exact[i], scale * kChunks * std::numeric_limits<TypeParam>::epsilon());
  }
}

TYPED_TEST(ExactSum, RowsOfAnyDealGiveTheSameBits) {
  const auto expected = RowsSum<TypeParam>(1, ReduceMode::kExact);
  for (const int world_size : {2, 3, 4, 6}) {
    EXPECT_TRUE(RowsSum<TypeParam>(world_size, ReduceMode::kExact) == expected) << world_size;
  }
}

TYPED_TEST(ExactSum, RowsAgreeWithAMapOfSums) {
  std::map<int64_t, std::vector<long double>> expected;
  double largest = 0;
  for (int64_t chunk = 0; chunk < kChunks; ++chunk) {
    const auto rows = testing::ChunkRows<TypeParam>(chunk, kDim);
    for (size_t row = 0; row < rows.ids.size(); ++row) {
      std::vector<long double>& sum = expected[rows.ids[row]];
      sum.resize(kDim);
      for (size_t i = 0; i < kDim; ++i) sum[i] += rows.rows[row * kDim + i];
    }
    for (const TypeParam value : rows.rows) largest = std::max(largest, std::abs(double{value}));
  }
  for (const ReduceMode mode : {ReduceMode::kExact, ReduceMode::kFast}) {
    const auto [ids, rows] = RowsSum<TypeParam>(3, mode);
    ASSERT_EQ(ids.size(), expected.size());
    ASSERT_EQ(rows.size(), expected.size() * kDim);
    size_t position = 0;
    for (const auto& [id, sum] : expected) {
      EXPECT_EQ(ids[position], id);
      for (size_t i = 0; i < kDim; ++i) {
        EXPECT_NEAR(rows[position * kDim + i], static_cast<double>(sum[i]),
                    largest * kChunks * std::numeric_limits<TypeParam>::epsilon());
      }
      ++position;
    }
  }
}

TYPED_TEST(ExactSum, RowsInFastModeDoDependOnTheDeal) {
  const auto one = RowsSum<TypeParam>(1, ReduceMode::kFast);
  int different = 0;
  for (const int world_size : {2, 3, 4, 6}) {
    if (RowsSum<TypeParam>(world_size, ReduceMode::kFast) != one) ++different;
  }
  EXPECT_GT(different, 0);
}

TYPED_TEST(ExactSum, OneChunkOfFloatComesBackUnchanged) {
  SelfCommunicator self;
  // Within 2^36 of each other, so no bit of a float is lost; a double keeps them too.
  const std::vector<TypeParam> values = {TypeParam(1.5), TypeParam(-0.1f),
                                         TypeParam(0x1.fffffep-30), TypeParam(0)};
  for (const ReduceMode mode : {ReduceMode::kExact, ReduceMode::kFast}) {
    SumOverChunks<TypeParam> sum(4, mode);
    sum.Add(values);
    std::vector<TypeParam> out(4);
    sum.Reduce(self, 1, out);
    EXPECT_EQ(out, values);
  }
}

TYPED_TEST(ExactSum, AddsDenormalsExactly) {
  SelfCommunicator self;
  const TypeParam tiny = std::numeric_limits<TypeParam>::denorm_min();
  SumOverChunks<TypeParam> sum(2, ReduceMode::kExact);
  for (int chunk = 0; chunk < 5; ++chunk) sum.Add(std::vector<TypeParam>{tiny, -tiny * 3});
  std::vector<TypeParam> out(2);
  sum.Reduce(self, 5, out);
  EXPECT_THAT(out, ElementsAre(5 * tiny, -15 * tiny));
}

TYPED_TEST(ExactSum, IsZeroForZerosForNoChunksAndForNoElements) {
  for (const ReduceMode mode : {ReduceMode::kExact, ReduceMode::kFast}) {
    RunOnThreads(3, [&](Communicator& communicator) {
      std::vector<TypeParam> out = {1, 1};
      SumOverChunks<TypeParam> none(2, mode);
      none.Reduce(communicator, 0, out);
      EXPECT_THAT(out, ElementsAre(0, 0));

      SumOverChunks<TypeParam> zeros(2, mode);
      zeros.Add(std::vector<TypeParam>{0, TypeParam(-0.0)});
      zeros.Reduce(communicator, 3, out);
      EXPECT_THAT(out, ElementsAre(0, 0));

      SumOverChunks<TypeParam> empty(0, mode);
      empty.Add({});
      empty.Reduce(communicator, 3, {});

      RowSumOverChunks<TypeParam> rows(3, mode);
      if (communicator.is_root()) rows.Add({}, {});
      EXPECT_TRUE(rows.Reduce(communicator, 1).ids.empty());
    });
  }
}

TYPED_TEST(ExactSum, RankWithoutAChunkTakesPart) {
  for (const ReduceMode mode : {ReduceMode::kExact, ReduceMode::kFast}) {
    RunOnThreads(3, [&](Communicator& communicator) {
      SumOverChunks<TypeParam> sum(2, mode);
      RowSumOverChunks<TypeParam> rows(2, mode);
      if (communicator.rank() == 1) {
        sum.Add(std::vector<TypeParam>{1, 2});
        rows.Add(std::vector<int64_t>{9, 4}, std::vector<TypeParam>{1, 2, 3, 4});
      }
      std::vector<TypeParam> out(2);
      sum.Reduce(communicator, 1, out);
      EXPECT_THAT(out, ElementsAre(1, 2));
      const RowSum<TypeParam> row_sum = rows.Reduce(communicator, 1);
      EXPECT_THAT(row_sum.ids, ElementsAre(4, 9));
      EXPECT_THAT(row_sum.rows, ElementsAre(3, 4, 1, 2));
    });
  }
}

TYPED_TEST(ExactSum, StartsEmptyAgainAfterReduce) {
  SelfCommunicator self;
  SumOverChunks<TypeParam> sum(1, ReduceMode::kExact);
  RowSumOverChunks<TypeParam> rows(1, ReduceMode::kExact);
  for (const int value : {3, 5}) {
    const std::vector<TypeParam> values = {static_cast<TypeParam>(value)};
    sum.Add(values);
    rows.Add(std::vector<int64_t>{value}, values);
    std::vector<TypeParam> out(1);
    sum.Reduce(self, 1, out);
    EXPECT_EQ(out, values);
    EXPECT_THAT(rows.Reduce(self, 1).ids, ElementsAre(value));
  }
}

TYPED_TEST(ExactSum, NonFiniteValueIsRefusedOnEveryRankNamingThePlace) {
  for (const ReduceMode mode : {ReduceMode::kExact, ReduceMode::kFast}) {
    for (const TypeParam bad : {std::numeric_limits<TypeParam>::quiet_NaN(),
                                -std::numeric_limits<TypeParam>::infinity()}) {
      std::atomic<int> refused = 0;
      RunOnThreads(3, [&](Communicator& communicator) {
        SumOverChunks<TypeParam> sum(3, mode);
        sum.Add(std::vector<TypeParam>{1, 2, 3});
        sum.Add(std::vector<TypeParam>{1, communicator.rank() == 2 ? bad : 2, 3});
        std::vector<TypeParam> out(3);
        try {
          sum.Reduce(communicator, 6, out);
        } catch (const NumericError& error) {
          EXPECT_THAT(error.what(), HasSubstr("in chunk 1, element 1"));
          EXPECT_THAT(error.what(), HasSubstr("rank 2"));
          ++refused;
        }
      });
      EXPECT_EQ(refused, 3);
    }
  }
}

TYPED_TEST(ExactSum, NonFiniteRowIsRefusedOnEveryRank) {
  std::atomic<int> refused = 0;
  RunOnThreads(2, [&](Communicator& communicator) {
    RowSumOverChunks<TypeParam> rows(1, ReduceMode::kExact);
    const TypeParam bad = std::numeric_limits<TypeParam>::infinity();
    if (communicator.rank() == 1) {
      rows.Add(std::vector<int64_t>{3, 5}, std::vector<TypeParam>{1, bad});
    }
    try {
      rows.Reduce(communicator, 1);
    } catch (const NumericError& error) {
      EXPECT_THAT(error.what(), AllOf(HasSubstr("rank 1"), HasSubstr("id 5")));
      ++refused;
    }
  });
  EXPECT_EQ(refused, 2);
}

TYPED_TEST(ExactSum, SumBeyondTheRangeIsRefused) {
  SelfCommunicator self;
  for (const ReduceMode mode : {ReduceMode::kExact, ReduceMode::kFast}) {
    SumOverChunks<TypeParam> sum(1, mode);
    for (int chunk = 0; chunk < 2; ++chunk) {
      sum.Add(std::vector<TypeParam>{std::numeric_limits<TypeParam>::max()});
    }
    std::vector<TypeParam> out(1);
    EXPECT_THROW(sum.Reduce(self, 2, out), NumericError);
  }
}

TEST(SumOverChunks, MoreChunksThanAnnouncedAreABug) {
  SelfCommunicator self;
  SumOverChunks<float> sum(1, ReduceMode::kExact);
  const std::vector<float> values = {1};
  sum.Add(values);
  sum.Add(values);
  std::vector<float> out(1);
  EXPECT_DEATH(sum.Reduce(self, 1, out), "2 chunks, 1 announced");
}

TEST(RowSumOverChunks, IdTwiceInAChunkIsABug) {
  RowSumOverChunks<float> rows(1, ReduceMode::kExact);
  const std::vector<int64_t> ids = {4, 7, 4};
  const std::vector<float> values = {1, 2, 3};
  EXPECT_DEATH(rows.Add(ids, values), "id 4 twice");
}

}  // namespace
}  // namespace hearth
