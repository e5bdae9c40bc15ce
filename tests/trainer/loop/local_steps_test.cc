#include "trainer/loop/local_steps.h"

#include <cmath>
#include <mutex>

#include <ATen/ops/full.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/thread_communicator.h"
#include "tests/trainer/support/training.h"
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

TEST(LocalSteps, RanksBecomeEqualAtTheMeanOfTheirChanges) {
  std::vector<std::vector<double>> dense(3), rows(3), state(3);
  std::vector<std::vector<double>> alone(3);  // rows before the meeting
  std::vector<double> before;
  std::mutex mutex;
  RunOnThreads(3, [&](Communicator& communicator) {
    const int r = communicator.rank();
    Rank rank(r);
    LocalSteps local(rank.parameters, *rank.optimizer, communicator);
    rank.StepAlone(r);
    const std::lock_guard lock(mutex);
    alone[static_cast<size_t>(r)] = ToDoubles(rank.parameters.tables[0].rows());
    before = ToDoubles(rank.before);
  });
  RunOnThreads(3, [&](Communicator& communicator) {
    const int r = communicator.rank();
    Rank rank(r);
    LocalSteps local(rank.parameters, *rank.optimizer, communicator);
    rank.StepAlone(r);
    local.Meet();
    const auto i = static_cast<size_t>(r);
    dense[i] = ToDoubles(rank.parameters.dense);
    rows[i] = ToDoubles(rank.parameters.tables[0].rows());
    state[i] = ToDoubles(rank.parameters.tables[0].second_moment());
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

TEST(LocalSteps, TrainsWithFewMeetingsAndResumes) {
  const std::string data = FreshFolder("data");
  SimulateSmallDataset(data);
  const Dataset dataset({.path = data});
  TrainerOptions options = SmallRun(FreshFolder("run"), 96);
  options.dist.local_steps = 16;
  options.optim.lr = 3e-3;
  options.optim.table_lr = 3e-3;
  RunOnThreads(3, [&](Communicator& communicator) {
    RecordingObserver observer;
    int64_t calls = 0;
    observer.on_step = [&](const StepReport& report) { calls += report.traffic.calls; };
    const std::atomic<bool> stop = false;
    Train(options, dataset, communicator, observer, stop);
    // A meeting: dense, ids and values of seven tables, counts.
    EXPECT_EQ(calls, 96 / 16 * (1 + 2 * 7 + 1));
    const auto mean = [&](size_t begin, size_t end) {
      double sum = 0.0;
      for (size_t i = begin; i < end; ++i) sum += observer.losses[i];
      return sum / static_cast<double>(end - begin);
    };
    EXPECT_LT(mean(80, 96), mean(0, 16));
  });
  options.train.max_steps = 100;
  RunOnThreads(2, [&](Communicator& communicator) {
    RecordingObserver observer;
    const std::atomic<bool> stop = false;
    Train(options, dataset, communicator, observer, stop);
    EXPECT_EQ(observer.resumed_from, 96);
  });
}

}  // namespace
}  // namespace hearth
