#include "sampler/deal.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <utility>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/random.h"

namespace hearth {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::Lt;

std::vector<int64_t> LoadsOf(const std::vector<int64_t>& costs, int world_size) {
  std::vector<int64_t> loads(world_size);
  const std::vector<int> ranks = DealChunks(costs, world_size);
  for (size_t i = 0; i < costs.size(); ++i) loads[ranks[i]] += costs[i];
  return loads;
}

TEST(DealChunks, GivesTheDearestFirstToTheLightestRank) {
  EXPECT_THAT(DealChunks(std::vector<int64_t>{1, 5, 4, 3}, 2), ElementsAre(0, 0, 1, 1));
  EXPECT_THAT(DealChunks(std::vector<int64_t>{2, 2, 2}, 3), ElementsAre(0, 1, 2));
}

TEST(DealChunks, LeavesRanksWithoutChunksWhenThereAreFewer) {
  EXPECT_THAT(DealChunks(std::vector<int64_t>{7}, 3), ElementsAre(0));
  EXPECT_TRUE(DealChunks({}, 3).empty());
}

TEST(DealChunks, BalancesLogNormalLengthsWithinTenPerCent) {
  for (const int world_size : {1, 2, 3, 4, 8}) {
    for (uint64_t trial = 0; trial < 50; ++trial) {
      RandomStream random(trial, Purpose::kTest);
      std::vector<int64_t> costs(16 * world_size);
      // A chunk's cost: the rows of 16 tasks with log-normal lengths up to 200.
      for (int64_t& cost : costs) {
        for (int task = 0; task < 16; ++task) {
          cost += std::min<int64_t>(static_cast<int64_t>(40 * std::exp(random.NextNormal())), 200);
        }
      }
      EXPECT_THAT(DealChunks(costs, world_size), Each(AllOf(Ge(0), Lt(world_size))));
      const std::vector<int64_t> loads = LoadsOf(costs, world_size);
      const double mean = static_cast<double>(std::reduce(loads.begin(), loads.end())) / world_size;
      EXPECT_LE(static_cast<double>(std::ranges::max(loads)) / mean, 1.10);
    }
  }
}

// Simulates 200 steps of 512 tasks in chunks of 16. next_cost(random) draws the cost of one chunk.
// over_dealing_by_index: work of the dearest of four ranks if chunks are dealt by their number,
// over the same work under DealChunks. dearer_of_two_over_mean: work of the dearer of two ranks
// over the mean of both.
struct Gain {
  double over_dealing_by_index = 0.0;
  double dearer_of_two_over_mean = 0.0;
};
Gain GainOfDealing(const std::function<double(RandomStream&)>& next_cost) {
  constexpr int kRanks = 4;
  double by_index = 0.0, dealt = 0.0, dearer_of_two = 0.0, mean_of_two = 0.0;
  for (uint64_t trial = 0; trial < 200; ++trial) {
    RandomStream random(trial, Purpose::kTest);
    std::vector<int64_t> costs(512 / 16), loads(kRanks);
    for (size_t chunk = 0; chunk < costs.size(); ++chunk) {
      costs[chunk] = 1 + static_cast<int64_t>(next_cost(random));
      loads[chunk % kRanks] += costs[chunk];
    }
    by_index += static_cast<double>(std::ranges::max(loads));
    dealt += static_cast<double>(std::ranges::max(LoadsOf(costs, kRanks)));
    const std::vector<int64_t> two = LoadsOf(costs, 2);
    dearer_of_two += static_cast<double>(std::ranges::max(two));
    mean_of_two += static_cast<double>(two[0] + two[1]) / 2.0;
  }
  return {by_index / dealt, dearer_of_two / mean_of_two};
}

// Draws the cost of a chunk of sixteen unrelated users.
double CostOfRandomUsers(RandomStream& random, double deviation) {
  double cost = 0.0;
  for (int task = 0; task < 16; ++task) cost += 40 * std::exp(deviation * random.NextNormal());
  return cost;
}

// Users who joined together have equally long histories and lie in the same shards, so chunks
// differ as much as users do.
TEST(DealChunks, IsAThirdFasterThanDealingByIndexWhereChunksAreUnlike) {
  const Gain gain =
      GainOfDealing([](RandomStream& random) { return 640 * std::exp(random.NextNormal()); });
  fmt::print("chunks as unlike as users: {:.2f} times as fast as dealing by index\n",
             gain.over_dealing_by_index);
  EXPECT_GT(gain.over_dealing_by_index, 1.3);
  EXPECT_LE(gain.dearer_of_two_over_mean, 1.10);
}

// Logs of listening and clicking have a few users with hundreds of times the usual events.
TEST(DealChunks, IsAThirdFasterThanDealingByIndexWhereSomeUsersHaveVeryLongHistories) {
  const std::vector<std::pair<double, double>> least_gains = {{1.0, 1.05}, {1.7, 1.25}, {2.0, 1.3}};
  for (const auto& [deviation, least] : least_gains) {
    const Gain gain = GainOfDealing([deviation = deviation](RandomStream& random) {
      return CostOfRandomUsers(random, deviation);
    });
    fmt::print("deviation {}: {:.2f} times as fast as dealing by index\n", deviation,
               gain.over_dealing_by_index);
    EXPECT_GT(gain.over_dealing_by_index, least);
    EXPECT_LE(gain.dearer_of_two_over_mean, 1.10);
  }
}

TEST(DealChunks, IsWithinAThirdOfTheBestDeal) {
  for (uint64_t trial = 0; trial < 30; ++trial) {
    RandomStream random(trial, Purpose::kTest);
    std::vector<int64_t> costs(8);
    for (int64_t& cost : costs) cost = 1 + static_cast<int64_t>(random.NextBelow(30));
    int64_t best = std::reduce(costs.begin(), costs.end());
    for (int deal = 0; deal < 6561; ++deal) {  // 3^8
      std::vector<int64_t> loads(3);
      for (int i = 0, rest = deal; i < 8; ++i, rest /= 3) {
        loads[rest % 3] += costs[i];
      }
      best = std::min(best, std::ranges::max(loads));
    }
    EXPECT_LE(3 * std::ranges::max(LoadsOf(costs, 3)), 4 * best);
  }
}

}  // namespace
}  // namespace hearth
