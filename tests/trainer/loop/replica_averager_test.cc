#include "trainer/loop/replica_averager.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <optional>
#include <vector>

#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/self_communicator.h"
#include "cluster/thread_communicator.h"
#include "trainer/tensor/parameters.h"

namespace hearth {
namespace {

constexpr int64_t kRows = 6, kDim = 2;

// A rank's parameters after steps of its own: rank r touches rows r and 3 by a gradient r + 1.
struct Rank {
  explicit Rank(int rank) {
    layout.Add({.name = "w", .shape = {3}});
    parameters.dense = at::full({layout.size()}, 1.0, at::kDouble);
    parameters.tables.emplace_back(
        TableSpec{.name = "t", .row_count = kRows, .dim = kDim, .init_scale = 1.0},
        TableOptimizer::kAdagrad, 1, at::kDouble);
    before = parameters.tables[0].rows().clone();
    optimizer.emplace(OptimizerOptions{}, layout, at::kDouble);
    gradient = at::full({2, kDim}, rank + 1.0, at::kDouble);
  }
  void StepAlone(int rank) {
    parameters.dense += rank;
    parameters.tables[0].Apply({rank, 3}, gradient, 0.1, 0.0);
  }

  ParameterLayout layout;
  MetaParameters parameters;
  at::Tensor before, gradient;
  std::optional<DenseOptimizer> optimizer;
};

TEST(ReplicaAverager, RanksBecomeEqualAtTheMeanOfTheirChanges) {
  std::vector<std::vector<double>> dense(3), rows(3), state(3);
  std::vector<std::vector<double>> alone(3);  // rows before the meeting
  std::vector<double> before;
  std::mutex mutex;
  RunOnThreads(3, [&](Communicator& communicator) {
    const int r = communicator.rank();
    Rank rank(r);
    ReplicaAverager averager(rank.parameters, *rank.optimizer, communicator);
    rank.StepAlone(r);
    const std::lock_guard lock(mutex);
    alone[static_cast<size_t>(r)] = ToDoubles(rank.parameters.tables[0].rows());
    before = ToDoubles(rank.before);
  });
  RunOnThreads(3, [&](Communicator& communicator) {
    const int r = communicator.rank();
    Rank rank(r);
    ReplicaAverager averager(rank.parameters, *rank.optimizer, communicator);
    rank.StepAlone(r);
    averager.Average();
    const auto i = static_cast<size_t>(r);
    dense[i] = ToDoubles(rank.parameters.dense);
    rows[i] = ToDoubles(rank.parameters.tables[0].rows());
    state[i] = ToDoubles(rank.parameters.tables[0].optimizer().second_moment());
  });
  EXPECT_THAT(dense[0], ::testing::Each(2.0)) << "1 + mean(0, 1, 2)";
  for (const size_t r : {1u, 2u}) {
    EXPECT_EQ(dense[r], dense[0]);
    EXPECT_EQ(rows[r], rows[0]);
    EXPECT_EQ(state[r], state[0]);
  }
  for (size_t i = 0; i < kRows * kDim; ++i) {
    double change = 0.0, touched = 0.0;
    for (const auto& of_rank : alone) {
      change += of_rank[i] - before[i];
      touched += of_rank[i] != before[i];
    }
    EXPECT_NEAR(rows[0][i], before[i] + (touched > 0 ? change / touched : 0.0), 1e-12) << i;
  }
  EXPECT_NEAR(state[0][0], 1.0, 1e-12) << "rank 0 alone";
  EXPECT_NEAR(state[0][3], (1.0 + 4.0 + 9.0) / 3, 1e-12) << "all of them";
}

// A rank with Adam on its table. In a round it steps row `rank` and the rows 4 and 5, row 5 once
// for each rank above it.
struct AdamRank {
  explicit AdamRank(at::ScalarType type = at::kDouble) {
    layout.Add({.name = "w", .shape = {3}});
    parameters.dense = at::full({layout.size()}, 1.0, type);
    parameters.tables.emplace_back(
        TableSpec{.name = "t", .row_count = kRows, .dim = kDim, .init_scale = 1.0},
        TableOptimizer::kAdam, 1, type);
    optimizer.emplace(OptimizerOptions{}, layout, type);
  }
  EmbeddingTable& table() { return parameters.tables[0]; }
  void StepAlone(int rank) {
    const at::Tensor gradient = at::full({1, kDim}, rank + 1.0, parameters.dense.scalar_type());
    table().Apply({rank}, gradient, 0.1, 0.0);
    table().Apply({4}, gradient, 0.1, 0.0);
    for (int i = 0; i < rank; ++i) table().Apply({5}, -gradient, 0.1, 0.0);
    optimizer->first_moment() += rank;
    optimizer->second_moment() += 10.0 * rank;
  }
  // The columns of a row: values, first moments, second moment, age.
  std::vector<double> Row(int64_t row) {
    std::vector<double> all;
    for (const at::Tensor& part :
         {table().rows(), table().optimizer().first_moment(), table().optimizer().second_moment(),
          table().optimizer().age()}) {
      const std::vector<double> values = ToDoubles(part[row]);
      all.insert(all.end(), values.begin(), values.end());
    }
    return all;
  }

  ParameterLayout layout;
  MetaParameters parameters;
  std::optional<DenseOptimizer> optimizer;
};
constexpr size_t kAgeColumn = 2 * kDim + 1;

// Three rounds: the second and the third one begin where the ranks met.
TEST(ReplicaAverager, EveryRoundMovesByTheMeanOfItsOwnChanges) {
  constexpr int kWorld = 3, kRounds = 3;
  // Plain loops over all ranks at once; each rank has a table of its own without an averager.
  std::vector<AdamRank> plain(kWorld);
  std::vector<std::vector<double>> expected(kRows);  // [row]
  for (int round = 0; round < kRounds; ++round) {
    std::vector<std::vector<double>> before(kRows);
    for (int64_t row = 0; row < kRows; ++row) before[row] = plain[0].Row(row);
    for (int rank = 0; rank < kWorld; ++rank) plain[rank].StepAlone(rank);
    for (int64_t row = 0; row < kRows; ++row) {
      expected[row] = before[row];
      std::vector<double> sum(before[row].size(), 0.0);
      double count = 0.0, age = 0.0;
      for (AdamRank& rank : plain) {
        const std::vector<double> own = rank.Row(row);
        if (own == before[row]) continue;
        ++count;
        age = std::max(age, own[kAgeColumn]);
        for (size_t i = 0; i < own.size(); ++i) {
          sum[i] += i < kDim ? own[i] - before[row][i] : own[i];
        }
      }
      for (size_t i = 0; i < sum.size() && count > 0.0; ++i) {
        expected[row][i] = (i < kDim ? before[row][i] : 0.0) + sum[i] / count;
      }
      if (count > 0.0) expected[row][kAgeColumn] = age;
      for (AdamRank& rank : plain) {
        EmbeddingTable& table = rank.table();
        for (int64_t i = 0; i < kDim; ++i) {
          table.rows()[row][i].fill_(expected[row][i]);
          table.optimizer().first_moment()[row][i].fill_(expected[row][kDim + i]);
        }
        table.optimizer().second_moment()[row].fill_(expected[row][2 * kDim]);
        table.optimizer().age()[row].fill_(expected[row][kAgeColumn]);
      }
    }
  }
  EXPECT_EQ(expected[5][kAgeColumn], 6.0) << "two steps of the last rank in each round";
  EXPECT_EQ(expected[3][kAgeColumn], 0.0) << "nobody touched it";
  RunOnThreads(kWorld, [&](Communicator& communicator) {
    AdamRank rank;
    ReplicaAverager averager(rank.parameters, *rank.optimizer, communicator);
    for (int round = 0; round < kRounds; ++round) {
      rank.StepAlone(communicator.rank());
      averager.Average();
    }
    for (int64_t row = 0; row < kRows; ++row) {
      EXPECT_THAT(rank.Row(row), ::testing::Pointwise(::testing::DoubleNear(1e-12), expected[row]))
          << row;
    }
    EXPECT_THAT(ToDoubles(rank.optimizer->first_moment()), ::testing::Each(3.0)) << "3 mean(0,1,2)";
    EXPECT_THAT(ToDoubles(rank.optimizer->second_moment()), ::testing::Each(30.0));
  });
}

TEST(ReplicaAverager, MarksTheRowsThatAnyRankTouchedOnEveryRank) {
  RunOnThreads(2, [](Communicator& communicator) {
    AdamRank rank(at::kFloat);
    ReplicaAverager averager(rank.parameters, *rank.optimizer, communicator);
    rank.StepAlone(communicator.rank());
    rank.table().ForgetChanges();
    averager.Average();
    EXPECT_THAT(rank.table().directory().changed().OffsetsIn(0, kRows),
                ::testing::ElementsAre(0, 1, 4, 5));
  });
}

TEST(ReplicaAverager, RoundWithoutAStepKeepsTheBits) {
  RunOnThreads(3, [](Communicator& communicator) {
    AdamRank rank(at::kFloat);
    rank.StepAlone(1);  // the same on all ranks, before they are tracked
    ReplicaAverager averager(rank.parameters, *rank.optimizer, communicator);
    const at::Tensor rows = rank.table().rows().clone();
    const at::Tensor first = rank.table().optimizer().first_moment().clone();
    averager.Average();
    if (communicator.is_root()) rank.table().Apply({2}, at::full({1, kDim}, 1.0f), 0.0, 0.0);
    averager.Average();
    EXPECT_TRUE(at::equal(rank.table().rows(), rows)) << "a step of rate 0 is no change";
    EXPECT_TRUE(
        at::equal(rank.table().optimizer().first_moment().narrow(0, 4, 2), first.narrow(0, 4, 2)));
    EXPECT_EQ(rank.table().optimizer().age()[2].item<double>(), 1.0) << "the state of one rank";
  });
}

TEST(ReplicaAverager, TableThatIsNotWholeIsABug) {
  ParameterLayout layout;
  layout.Add({.name = "w", .shape = {3}});
  DenseOptimizer optimizer({}, layout, at::kDouble);
  SelfCommunicator self;
  const auto make = [&](const TableOptions& options, const TablePlacement& placement) {
    MetaParameters parameters{.dense = at::full({layout.size()}, 1.0, at::kDouble), .tables = {}};
    parameters.tables.emplace_back(TableSpec{.name = "t7", .row_count = 3000, .dim = 1},
                                   TableOptimizer::kAdam, 1, at::kDouble, options, placement);
    return ReplicaAverager(parameters, optimizer, self);
  };
  EXPECT_DEATH(make({}, {0, 2, 0}), "table t7");
  EXPECT_DEATH(make({.capacity = 1024}, {}), "table t7");
}

}  // namespace
}  // namespace hearth
