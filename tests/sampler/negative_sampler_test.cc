#include "sampler/negative_sampler.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <gtest/gtest.h>

namespace hearth {
namespace {

// Draws often and compares the counts with the exact conditional distribution by chi-square.
void CheckDistribution(const std::vector<int64_t>& weights, const std::vector<int64_t>& seen) {
  const NegativeSampler sampler(weights);
  const auto candidates = sampler.Without(seen);
  std::map<int64_t, double> expected;
  double total = 0;
  for (size_t item = 0; item < weights.size(); ++item) {
    const auto id = static_cast<int64_t>(item);
    if (weights[item] == 0 || std::ranges::find(seen, id) != seen.end()) continue;
    expected[id] = static_cast<double>(weights[item]);
    total += expected[id];
  }
  ASSERT_EQ(static_cast<double>(candidates.weight()), total);

  constexpr int kDraws = 40000;
  RandomStream stream(3, Purpose::kTest, weights.size());
  std::map<int64_t, int> counts;
  for (int i = 0; i < kDraws; ++i) {
    const int64_t item = candidates.DrawOne(&stream);
    ASSERT_TRUE(expected.contains(item)) << item;
    ++counts[item];
  }
  double chi_square = 0;
  for (const auto& [item, weight] : expected) {
    const double mean = kDraws * weight / total;
    chi_square += (counts[item] - mean) * (counts[item] - mean) / mean;
  }
  const double freedom = static_cast<double>(expected.size()) - 1;
  EXPECT_LE(chi_square, freedom + 5 * std::sqrt(2 * freedom) + 1e-9);
}

TEST(NegativeSampler, FollowsTheWeightsWhenNothingIsSeen) {
  CheckDistribution(std::vector<int64_t>(50, 1), {});
  CheckDistribution({5, 1, 0, 10, 3, 0, 1}, {});
}

TEST(NegativeSampler, LeavesSeenItemsOutAndKeepsTheProportionsOfTheRest) {
  CheckDistribution(std::vector<int64_t>(50, 1), {0, 1, 7, 49, 20, 21, 22});
  CheckDistribution({5, 1, 0, 10, 3, 0, 1, 8, 8}, {3, 0, 2, 8});
}

TEST(NegativeSampler, TakesSeenItemsInAnyOrderWithRepeats) {
  CheckDistribution({5, 1, 2, 10, 3}, {3, 1, 3, 1, 1});
}

TEST(NegativeSampler, FindsTheLastCandidateWithoutTrying) {
  std::vector<int64_t> seen;
  for (int64_t item = 0; item < 1000; ++item) {
    if (item != 613) seen.push_back(item);
  }
  const NegativeSampler sampler(std::vector<int64_t>(1000, 1));
  const auto candidates = sampler.Without(seen);
  RandomStream stream(1, Purpose::kTest);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(candidates.DrawOne(&stream), 613);
}

TEST(NegativeSampler, HasNoWeightWhenAllIsSeen) {
  const NegativeSampler sampler(std::vector<int64_t>{3, 0, 4});
  EXPECT_EQ(sampler.Without(std::vector<int64_t>{2, 0}).weight(), 0);
  EXPECT_EQ(NegativeSampler({}).Without({}).weight(), 0);
}

}  // namespace
}  // namespace hearth
