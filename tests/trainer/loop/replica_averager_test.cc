#include "trainer/loop/replica_averager.h"

#include <cmath>
#include <mutex>
#include <optional>

#include <ATen/ops/full.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace hearth
