// Training with embedding tables that no rank holds whole.

#include <cmath>
#include <mutex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/counting_communicator.h"
#include "cluster/self_communicator.h"
#include "cluster/thread_communicator.h"
#include "tests/trainer/support/training.h"
#include "trainer/adapt/learner_of_dataset.h"

namespace hearth {
namespace {

constexpr int64_t kShardAll = 0;
constexpr int64_t kReplicateAll = int64_t{1} << 40;

class ShardedTraining : public ::testing::Test {
 protected:
  static TrainerOptions Options(const std::string& folder, int64_t max_steps) {
    TrainerOptions options = SmallRunOfManyItems(FreshFolder(folder), max_steps);
    options.dist.replicate_bytes = kShardAll;
    return options;
  }

  Dataset dataset_{{.path = DatasetOfManyItems()}};
};

TEST_F(ShardedTraining, EndsInTheBitsOfOneRankHoweverTablesAreKept) {
  using Method = MetaOptions::Method;
  for (const Method method :
       {Method::kMaml, Method::kFomaml, Method::kRidge, Method::kPrototypes}) {
    SCOPED_TRACE(::testing::PrintToString(method));
    TrainerOptions options = Options("alone", 30);
    options.meta.method = method;
    options.eval.every_steps = 15;
    const std::string alone = TrainAlone(options, dataset_);
    for (const int world_size : {2, 3, 4, 6}) {
      for (const int64_t replicate_bytes : {kShardAll, kReplicateAll, int64_t{20000}}) {
        options.run_dir = FreshFolder("together");
        options.dist.replicate_bytes = replicate_bytes;
        EXPECT_EQ(TrainOnThreads(world_size, options, dataset_), alone)
            << world_size << " ranks, tables above " << replicate_bytes << " bytes sharded";
      }
    }
  }
}

TEST_F(ShardedTraining, DynamicIdsEndInTheBitsOfOneRank) {
  using Method = MetaOptions::Method;
  for (const Method method :
       {Method::kMaml, Method::kFomaml, Method::kRidge, Method::kPrototypes}) {
    SCOPED_TRACE(::testing::PrintToString(method));
    TrainerOptions options = Options("alone", 150);
    options.meta.method = method;
    MakeDynamic(options);
    const std::string alone = TrainAlone(options, dataset_);
    for (const int world_size : {2, 3, 4, 6}) {
      options.run_dir = FreshFolder("together");
      EXPECT_EQ(TrainOnThreads(world_size, options, dataset_), alone) << world_size << " ranks";
    }
    const CheckpointReader last(CheckpointPath(options.run_dir, 150));
    int64_t rows = 0, dynamic_tables = 0;
    for (const auto& [name, spec] : last.arrays()) {
      if (!name.starts_with("tables/") || !name.ends_with("/ids")) continue;
      ++dynamic_tables;
      for (const int64_t id : last.Read<int64_t>(name)) rows += id >= 0;
    }
    EXPECT_EQ(dynamic_tables, 1);
    EXPECT_GT(rows, 50) << "some have a row";
    EXPECT_LT(rows, 1024) << "rows were given up";
  }
}

TEST_F(ShardedTraining, TasksOfOneToAHundredRowsEndInTheBitsOfOneRank) {
  for (const auto engine : {EngineKind::kFused, EngineKind::kGeneric}) {
    TrainerOptions options = Options("alone", 20);
    options.train.engine = engine;
    options.tasks.support = 100;
    options.tasks.support_draw = SupportDraw::kLogUniform;
    options.tasks.min_events = 2;
    options.tasks.per_step = 20;
    options.tasks.chunk = 5;
    MakeDynamic(options);
    const std::string alone = TrainAlone(options, dataset_);
    for (const int world_size : {2, 3, 6}) {  // with 6, ranks have no chunk
      options.run_dir = FreshFolder("together");
      EXPECT_EQ(TrainOnThreads(world_size, options, dataset_), alone) << world_size << " ranks";
    }
  }
}

TEST_F(ShardedTraining, StoppedOnFourRanksAndResumedOnThreeThenOneEndsInTheSameBits) {
  for (const bool dynamic : {false, true}) {
    TrainerOptions options = Options("unbroken", 60);
    if (dynamic) MakeDynamic(options);
    options.eval.every_steps = 25;
    const std::string unbroken = TrainAlone(options, dataset_);
    options.run_dir = FreshFolder("stopped");
    options.train.max_steps = 17;
    TrainOnThreads(4, options, dataset_);
    options.train.max_steps = 41;
    TrainOnThreads(3, options, dataset_);
    options.train.max_steps = 60;
    EXPECT_EQ(TrainAlone(options, dataset_), unbroken) << "dynamic " << dynamic;
  }
}

TEST_F(ShardedTraining, FastSumsEndInOtherBits) {  // so the tests above can fail
  TrainerOptions options = Options("alone", 30);
  options.dist.reduce = ReduceMode::kFast;
  const std::string alone = TrainAlone(options, dataset_);
  options.run_dir = FreshFolder("together");
  EXPECT_NE(TrainOnThreads(3, options, dataset_), alone);
}

double LargestDifference(const std::string& run, const std::string& other, int64_t step) {
  const CheckpointReader a(CheckpointPath(run, step)), b(CheckpointPath(other, step));
  double largest = 0.0;
  for (const std::string& name : ModelArrayNames(a)) {
    const std::vector<double> x = a.Read<double>(name), y = b.Read<double>(name);
    for (size_t i = 0; i < x.size(); ++i) largest = std::max(largest, std::abs(x[i] - y[i]));
  }
  return largest;
}

TEST_F(ShardedTraining, FastModeIsTheSameModelWhetherTablesAreShardedOrNot) {
  TrainerOptions options = Options("replicated", 200);
  options.dist.reduce = ReduceMode::kFast;
  options.train.precision = TrainOptions::Precision::kFloat64;
  options.dist.replicate_bytes = kReplicateAll;
  const std::string replicated = options.run_dir;
  TrainOnThreads(3, options, dataset_);
  options.run_dir = FreshFolder("sharded");
  options.dist.replicate_bytes = kShardAll;
  TrainOnThreads(3, options, dataset_);
  EXPECT_LE(LargestDifference(options.run_dir, replicated, 200), 1e-6);
}

TEST_F(ShardedTraining, RowsInBfloat16LearnTheSameToThreeDigitsAndSendFewerBytes) {
  std::mutex mutex;
  const auto train = [&](const std::string& folder, Wire wire, int64_t* sent_bytes, double* loss) {
    TrainerOptions options = Options(folder, 100);
    options.dist.reduce = ReduceMode::kFast;
    options.dist.wire = wire;
    options.model.dim = 32;
    RunOnThreads(2, [&](Communicator& communicator) {
      RecordingObserver observer;
      int64_t own_bytes = 0;
      observer.on_step = [&](const StepReport& report) { own_bytes += report.traffic.sent_bytes; };
      const std::atomic<bool> stop = false;
      Train(options, dataset_, communicator, observer, stop);
      const std::lock_guard lock(mutex);
      *sent_bytes += own_bytes;
      if (communicator.is_root()) *loss = observer.evaluations.back().value;
    });
    return options.run_dir;
  };
  int64_t full_bytes = 0, half_bytes = 0;
  double full_loss = 0.0, half_loss = 0.0;
  const std::string full = train("full", Wire::kFull, &full_bytes, &full_loss);
  const std::string half = train("half", Wire::kBfloat16, &half_bytes, &half_loss);
  EXPECT_NE(ModelHash(half, 100), ModelHash(full, 100));
  EXPECT_NEAR(half_loss, full_loss, 2e-3 * full_loss);
  EXPECT_LT(half_bytes, full_bytes);
}

TEST_F(ShardedTraining, StepMakesFiveCallsAtMost) {
  for (const ReduceMode mode : {ReduceMode::kExact, ReduceMode::kFast}) {
    TrainerOptions options = Options("run", 20);
    options.dist.reduce = mode;
    options.dist.replicate_bytes = 20000;  // some tables of each kind
    std::mutex mutex;
    int64_t most_calls = 0;
    RunOnThreads(4, [&](Communicator& communicator) {
      RecordingObserver observer;
      observer.on_step = [&](const StepReport& report) {
        if (report.step == 1) return;  // asks for its own ids
        const std::lock_guard lock(mutex);
        most_calls = std::max(most_calls, report.traffic.calls);
      };
      const std::atomic<bool> stop = false;
      Train(options, dataset_, communicator, observer, stop);
    });
    EXPECT_EQ(most_calls, 5);
  }
}

TEST_F(ShardedTraining, ValidationDoesNotDependOnWhereRowsAre) {
  TrainerOptions options = Options("run", 1);
  options.tables.capacity = 1024;
  const auto validate = [&](Communicator& communicator) {
    const LearnerOfDataset on_data(dataset_, options, TensorOptionsFor(options.train, 0));
    MetaParameters parameters = on_data.learner.InitialParameters(
        TableOptimizer::kAdam, 1, options.tables,
        {communicator.rank(), communicator.world_size(), kShardAll});
    return Evaluator(on_data.learner, on_data.data, dataset_, options.tasks, options.eval, 1,
                     communicator)
        .Validate(parameters);
  };
  SelfCommunicator self;
  const ValidationResult alone = validate(self);
  EXPECT_GT(alone.task_count, 0);
  for (const int world_size : {2, 5}) {
    RunOnThreads(world_size, [&](Communicator& communicator) {
      const ValidationResult together = validate(communicator);
      EXPECT_EQ(together.value, alone.value);
      EXPECT_EQ(together.adapted_loss, alone.adapted_loss);
      EXPECT_EQ(together.task_count, alone.task_count);
    });
  }
}

TEST_F(ShardedTraining, ReportsHowEvenlyTheRanksWorked) {
  TrainerOptions options = Options("run", 10);
  options.balance_every_steps = 5;
  RunOnThreads(3, [&](Communicator& communicator) {
    RecordingObserver observer;
    const std::atomic<bool> stop = false;
    Train(options, dataset_, communicator, observer, stop);
    ASSERT_EQ(observer.balances.size(), 2);
    EXPECT_EQ(observer.balances[0].step_count, 5);
    EXPECT_EQ(observer.balances[0].ranks.size(), 3);
    EXPECT_GE(observer.balances[0].max_over_mean, 1.0);
  });
}

}  // namespace
}  // namespace hearth
