#include "common/random.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <map>
#include <numeric>
#include <set>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hearth {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<uint64_t> FirstDraws(RandomStream stream, int count) {
  std::vector<uint64_t> draws;
  for (int i = 0; i < count; ++i) draws.push_back(stream.NextUint64());
  return draws;
}

// Returns Pearson's statistic of counts that should be equal.
double ChiSquare(const std::vector<int64_t>& counts) {
  const double total =
      static_cast<double>(std::accumulate(counts.begin(), counts.end(), int64_t{0}));
  const double expected = total / static_cast<double>(counts.size());
  double statistic = 0.0;
  for (const int64_t count : counts) {
    const double difference = static_cast<double>(count) - expected;
    statistic += difference * difference / expected;
  }
  return statistic;
}

// Converts a chi-square variable with many degrees of freedom to a standard normal (Wilson and
// Hilferty).
double NormalOfChiSquare(double statistic, double degrees) {
  const double spread = 2.0 / (9.0 * degrees);
  return (std::cbrt(statistic / degrees) - (1.0 - spread)) / std::sqrt(spread);
}

// Known answers of the Random123 distribution (kat_vectors, philox4x32 with 10 rounds).
TEST(Philox4x32, GivesTheKnownAnswersOfRandom123) {
  EXPECT_THAT(Philox4x32({0, 0, 0, 0}, {0, 0}),
              ElementsAre(0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u));
  constexpr uint32_t kOnes = 0xffffffffu;
  EXPECT_THAT(Philox4x32({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}),
              ElementsAre(0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu));
  EXPECT_THAT(
      Philox4x32({0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u}, {0xa4093822u, 0x299f31d0u}),
      ElementsAre(0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u));
}

// Numbers of a stream are part of every reproducible run, so they may not change.
TEST(RandomStream, KeepsItsNumbers) {
  RandomStream first(0, Purpose::kTest);
  EXPECT_EQ(first.NextUint32(), 1729330919u);
  EXPECT_EQ(first.NextUint32(), 3427493839u);
  RandomStream second(42, Purpose::kEpisode, 7, 1234567890123u);
  EXPECT_EQ(second.NextUint64(), 7615785495837723529u);
  EXPECT_EQ(second.NextBelow(1000), 499u);
}

TEST(RandomStream, SameArgumentsGiveTheSameNumbers) {
  EXPECT_EQ(FirstDraws(RandomStream(5, Purpose::kTest, 3, 4), 100),
            FirstDraws(RandomStream(5, Purpose::kTest, 3, 4), 100));
}

TEST(RandomStream, SeedPurposeAndIdentifiersGiveStreamsOfTheirOwn) {
  std::set<std::vector<uint64_t>> streams;
  const std::vector<uint64_t> values = {0, 1, 2, 63, uint64_t{1} << 32, ~uint64_t{0}};
  int64_t count = 0;
  for (const uint64_t seed : values) {
    for (const Purpose purpose : {Purpose::kParameterInit, Purpose::kEpisode, Purpose::kTest}) {
      for (const uint64_t a : values) {
        for (const uint64_t b : values) {
          streams.insert(FirstDraws(RandomStream(seed, purpose, a, b), 2));
          ++count;
        }
      }
    }
  }
  EXPECT_EQ(std::ssize(streams), count);
}

TEST(RandomStream, SwappedIdentifiersAreAnotherStream) {
  EXPECT_NE(FirstDraws(RandomStream(1, Purpose::kTest, 2, 3), 2),
            FirstDraws(RandomStream(1, Purpose::kTest, 3, 2), 2));
}

// Two streams that overlapped would share blocks; none of 20,000 64-bit draws may repeat.
TEST(RandomStream, NeighbouringStreamsDoNotOverlap) {
  std::set<uint64_t> seen;
  for (uint64_t task = 0; task < 200; ++task) {
    for (const uint64_t draw : FirstDraws(RandomStream(1, Purpose::kEpisode, 0, task), 100)) {
      seen.insert(draw);
    }
  }
  EXPECT_EQ(seen.size(), 20000u);
}

TEST(RandomStream, ACopyGoesOnWhereTheOriginalStood) {
  RandomStream stream(9, Purpose::kTest);
  stream.NextUint32();
  stream.NextNormal();
  RandomStream copy = stream;
  for (int i = 0; i < 10; ++i) EXPECT_EQ(copy.NextNormal(), stream.NextNormal());
  EXPECT_EQ(FirstDraws(copy, 10), FirstDraws(stream, 10));
}

TEST(RandomStream, NextBelowIsUniform) {
  for (const uint64_t bound : {2u, 3u, 10u, 1000u}) {
    RandomStream stream(17, Purpose::kTest, bound);
    std::vector<int64_t> counts(bound);
    for (int i = 0; i < 200000; ++i) {
      const uint64_t value = stream.NextBelow(bound);
      ASSERT_LT(value, bound);
      ++counts[value];
    }
    const double degrees = static_cast<double>(bound - 1);
    EXPECT_LT(std::abs(NormalOfChiSquare(ChiSquare(counts), degrees)), 4.0) << "bound " << bound;
  }
}

TEST(RandomStream, NextBelowOneIsZero) {
  RandomStream stream(1, Purpose::kTest);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(stream.NextBelow(1), 0u);
}

// At 3/4 of the range, a multiplication without rejection would give the values 0, 1 and 2 modulo 3
// half, a quarter and a quarter of the draws.
TEST(RandomStream, NextBelowIsExactForHugeBounds) {
  constexpr uint64_t kBound = uint64_t{3} << 62;
  RandomStream stream(23, Purpose::kTest);
  std::vector<int64_t> counts(3);
  for (int i = 0; i < 30000; ++i) {
    const uint64_t value = stream.NextBelow(kBound);
    ASSERT_LT(value, kBound);
    ++counts[value % 3];
  }
  EXPECT_LT(ChiSquare(counts), 20.0);  // 2 degrees of freedom: probability 5e-5
}

TEST(RandomStream, NextDoubleIsUniformInTheUnitInterval) {
  RandomStream stream(29, Purpose::kTest);
  std::vector<int64_t> counts(100);
  for (int i = 0; i < 200000; ++i) {
    const double value = stream.NextDouble();
    ASSERT_GE(value, 0.0);
    ASSERT_LT(value, 1.0);
    ++counts[static_cast<size_t>(value * 100.0)];
  }
  EXPECT_LT(std::abs(NormalOfChiSquare(ChiSquare(counts), 99.0)), 4.0);
}

TEST(RandomStream, NextNormalHasTheMomentsAndTailsOfAStandardNormal) {
  constexpr int kCount = 400000;
  RandomStream stream(31, Purpose::kTest);
  std::array<double, 5> moments{};
  int beyond_two = 0;
  double products = 0.0;  // sum over neighbours: both come from one pair of uniform numbers
  double previous = 0.0;
  for (int i = 0; i < kCount; ++i) {
    const double value = stream.NextNormal();
    ASSERT_TRUE(std::isfinite(value));
    for (size_t k = 1; k < moments.size(); ++k) {
      moments[k] += std::pow(value, static_cast<double>(k)) / kCount;
    }
    beyond_two += std::abs(value) > 2.0;
    products += value * previous / kCount;
    previous = value;
  }
  // Tolerances: four standard errors, of variances 1, 2, 15, 96, p(1-p) and 1.
  const double error = 4.0 / std::sqrt(kCount);
  EXPECT_NEAR(moments[1], 0.0, error);
  EXPECT_NEAR(moments[2], 1.0, error * std::sqrt(2.0));
  EXPECT_NEAR(moments[3], 0.0, error * std::sqrt(15.0));
  EXPECT_NEAR(moments[4], 3.0, error * std::sqrt(96.0));
  EXPECT_NEAR(beyond_two / static_cast<double>(kCount), 0.0455003, error * std::sqrt(0.0455));
  EXPECT_NEAR(products, 0.0, error);
}

TEST(RandomPermutation, HoldsEveryValueOnce) {
  for (const int64_t count : {0, 1, 2, 17, 1000}) {
    std::vector<int64_t> values =
        RandomPermutation(count, RandomStream(1, Purpose::kTest, static_cast<uint64_t>(count)));
    std::sort(values.begin(), values.end());
    std::vector<int64_t> expected(count);
    std::iota(expected.begin(), expected.end(), int64_t{0});
    EXPECT_EQ(values, expected);
  }
}

TEST(RandomPermutation, EveryOrderComesEquallyOften) {
  std::map<std::vector<int64_t>, int64_t> orders;
  for (uint64_t i = 0; i < 24000; ++i) {
    ++orders[RandomPermutation(4, RandomStream(2, Purpose::kTest, i))];
  }
  ASSERT_EQ(orders.size(), 24u);
  std::vector<int64_t> counts;
  for (const auto& [order, count] : orders) counts.push_back(count);
  EXPECT_LT(std::abs(NormalOfChiSquare(ChiSquare(counts), 23.0)), 4.0);
}

TEST(SampleWithoutReplacement, GivesDistinctValuesOfThePopulation) {
  for (uint64_t i = 0; i < 200; ++i) {
    const std::vector<int64_t> values =
        SampleWithoutReplacement(50, 20, RandomStream(3, Purpose::kTest, i));
    EXPECT_EQ(values.size(), 20u);
    const std::set<int64_t> distinct(values.begin(), values.end());
    EXPECT_EQ(distinct.size(), 20u);
    EXPECT_GE(*distinct.begin(), 0);
    EXPECT_LT(*distinct.rbegin(), 50);
  }
}

TEST(SampleWithoutReplacement, EveryOrderedPairComesEquallyOften) {
  std::map<std::vector<int64_t>, int64_t> pairs;
  for (uint64_t i = 0; i < 20000; ++i) {
    ++pairs[SampleWithoutReplacement(5, 2, RandomStream(4, Purpose::kTest, i))];
  }
  ASSERT_EQ(pairs.size(), 20u);
  std::vector<int64_t> counts;
  for (const auto& [pair, count] : pairs) counts.push_back(count);
  EXPECT_LT(std::abs(NormalOfChiSquare(ChiSquare(counts), 19.0)), 4.0);
}

TEST(SampleWithoutReplacement, NothingOfNothingIsNothing) {
  EXPECT_THAT(SampleWithoutReplacement(0, 0, RandomStream(1, Purpose::kTest)), IsEmpty());
}

TEST(SampleWithoutReplacementDeathTest, RefusesMoreThanThePopulation) {
  EXPECT_EXIT(SampleWithoutReplacement(3, 4, RandomStream(1, Purpose::kTest)),
              ::testing::ExitedWithCode(70), "4 of 3");
}

TEST(RandomStreamDeathTest, RefusesABoundOfZero) {
  EXPECT_EXIT(RandomStream(1, Purpose::kTest).NextBelow(0), ::testing::ExitedWithCode(70),
              "bound >= 1");
}

}  // namespace
}  // namespace hearth
