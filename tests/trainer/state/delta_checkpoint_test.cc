// Delta checkpoints in training: they hold the changes alone.

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/self_communicator.h"
#include "cluster/thread_communicator.h"
#include "tests/trainer/support/training.h"

namespace hearth {
namespace {

using ::testing::_;
using ::testing::Contains;
using ::testing::ElementsAre;

constexpr int64_t kSteps = 16, kEvery = 2;

class DeltaCheckpoints : public ::testing::Test {
 protected:
  // Saves the start and every kEvery steps, and keeps all of them.
  static TrainerOptions Options(const std::string& folder, int64_t max_deltas) {
    TrainerOptions options = SmallRunOfManyItems(FreshFolder(folder), kSteps);
    options.model.dim = 16;  // so that rows outweigh the headers of files
    options.tasks.per_step = 4;
    options.tasks.chunk = 2;
    options.checkpoint.every_steps = kEvery;
    options.checkpoint.keep = 1000;
    options.checkpoint.max_deltas = max_deltas;
    options.checkpoint_delta_from_bytes = 0;
    return options;
  }
  static void MakeIdsComeAndGo(TrainerOptions& options) {
    MakeDynamic(options);
    options.tables.capacity = 4096;
    options.tables.evict_after = 5;  // steps
  }
  // [checkpoint] true for a delta
  static std::vector<bool> Deltas(const std::string& run_dir) {
    std::vector<bool> deltas;
    for (const CheckpointInfo& info : ListCheckpoints(run_dir)) {
      EXPECT_EQ(info.problem, "");
      deltas.push_back(info.base_step.has_value());
    }
    return deltas;
  }
  static std::string HashOf(const std::string& run_dir, int64_t step) {
    return ContentHash(CheckpointReader(CheckpointPath(run_dir, step)));
  }

  Dataset dataset_{{.path = DatasetOfManyItems()}};
};

struct Tables {
  const char* name;
  TableOptimizer optimizer;
  bool dynamic;
  int64_t replicate_bytes, local_steps;
};

class DeltaCheckpointsOf : public DeltaCheckpoints, public ::testing::WithParamInterface<Tables> {};

TEST_P(DeltaCheckpointsOf, HaveTheContentOfWholeOnesAtEveryStep) {
  for (const int world_size : {1, 3}) {
    TrainerOptions whole = Options("whole", 0), delta = Options("delta", 3);
    for (TrainerOptions* options : {&whole, &delta}) {
      options->optim.table_type = GetParam().optimizer;
      if (GetParam().dynamic) MakeIdsComeAndGo(*options);
      options->dist.replicate_bytes = GetParam().replicate_bytes;
      options->dist.local_steps = GetParam().local_steps;
      TrainOnThreads(world_size, *options, dataset_);
    }
    EXPECT_THAT(Deltas(whole.run_dir), ::testing::Not(Contains(true)));
    EXPECT_THAT(Deltas(delta.run_dir),
                ElementsAre(false, true, true, true, false, true, true, true, false));
    for (int64_t step = kEvery; step <= kSteps; step += kEvery) {
      EXPECT_EQ(HashOf(delta.run_dir, step), HashOf(whole.run_dir, step))
          << "step " << step << " on " << world_size << " ranks";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Each, DeltaCheckpointsOf,
    ::testing::Values(Tables{"Sharded", TableOptimizer::kAdagrad, false, 0, 1},
                      Tables{"Replicated", TableOptimizer::kAdam, false, int64_t{1} << 40, 1},
                      Tables{"DynamicIds", TableOptimizer::kAdam, true, 0, 1},
                      Tables{"LocalSteps", TableOptimizer::kAdagrad, false, 0, 2}),
    [](const auto& test) { return test.param.name; });

TEST_F(DeltaCheckpoints, HoldTheRowsThatSteppedAndNoOthers) {
  TrainerOptions options = Options("run", 100);
  TrainOnThreads(2, options, dataset_);
  int64_t compared = 0;
  for (int64_t step = 2 * kEvery; step <= kSteps; step += kEvery) {
    const CheckpointReader now(CheckpointPath(options.run_dir, step));
    if (!now.manifest().base) continue;
    const CheckpointReader before(CheckpointPath(options.run_dir, step - kEvery));
    for (const auto& [name, spec] : now.arrays()) {
      if (!name.ends_with("/age")) continue;
      // A row's age counts its steps.
      const std::vector<float> age = now.Read<float>(name), was = before.Read<float>(name);
      int64_t stepped = 0, held = 0;
      for (size_t row = 0; row < age.size(); ++row) stepped += age[row] != was[row];
      for (const CheckpointPiece& piece : now.manifest().pieces) {
        held += piece.arrays.at(name).touched.value().count;
      }
      EXPECT_EQ(held, stepped) << name << " at step " << step;
      compared += stepped;
    }
  }
  EXPECT_GT(compared, 200);
}

TEST_F(DeltaCheckpoints, ChainGoesOnAfterAResumeOnOtherRanks) {
  for (const bool dynamic : {false, true}) {
    TrainerOptions unbroken = Options("unbroken", 0), stopped = Options("stopped", 100);
    for (TrainerOptions* options : {&unbroken, &stopped}) {
      options->dist.replicate_bytes = 0;
      if (dynamic) MakeIdsComeAndGo(*options);
    }
    TrainOnThreads(1, unbroken, dataset_);
    for (const auto& [world_size, max_steps] :
         {std::pair<int, int64_t>{4, 6}, {3, 10}, {1, kSteps}}) {
      stopped.train.max_steps = max_steps;
      TrainOnThreads(world_size, stopped, dataset_);
    }
    // The fifth and the seventh checkpoint are the first of a start.
    EXPECT_THAT(Deltas(stopped.run_dir),
                ElementsAre(false, true, true, true, true, true, true, _, _));
    EXPECT_EQ(HashOf(stopped.run_dir, kSteps), HashOf(unbroken.run_dir, kSteps));
  }
}

TEST_F(DeltaCheckpoints, OfTooManyChangesAreWholeInstead) {
  TrainerOptions options = Options("run", 100);
  options.checkpoint.every_steps = kSteps / 2;
  options.tasks.per_step = 128;  // touch most rows within the steps of a save
  options.tasks.support = 20;
  TrainOnThreads(1, options, dataset_);
  EXPECT_THAT(Deltas(options.run_dir), ElementsAre(false, false, false));
}

TEST_F(DeltaCheckpoints, SmallStatesAreSavedWhole) {
  TrainerOptions options = Options("run", 100);
  options.checkpoint_delta_from_bytes = int64_t{64} << 20;
  TrainOnThreads(2, options, dataset_);
  EXPECT_THAT(Deltas(options.run_dir), ::testing::Not(Contains(true)));
}

TEST_F(DeltaCheckpoints, TheFirstAfterAFailedSaveIsWhole) {
  TrainerOptions options = Options("run", 100);
  RunOnThreads(2, [&](Communicator& communicator) {
    RecordingObserver observer;
    const std::string blocked = CheckpointPath(options.run_dir, 6);
    observer.on_step = [&](const StepReport& report) {
      if (report.step == 5 && communicator.is_root()) std::ofstream(blocked) << "in the way";
    };
    const std::atomic<bool> stop = false;
    EXPECT_EQ(Train(options, dataset_, communicator, observer, stop), TrainOutcome::kDone);
    EXPECT_THAT(observer.failed_saves, ::testing::SizeIs(1));
    EXPECT_THAT(observer.checkpoints, ElementsAre(0, 2, 4, 8, 10, 12, 14, 16));
  });
  EXPECT_THAT(Deltas(options.run_dir),
              ElementsAre(false, true, true, false, true, true, true, true));
}

}  // namespace
}  // namespace hearth
