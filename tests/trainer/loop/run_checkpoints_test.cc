#include "trainer/loop/run_checkpoints.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/self_communicator.h"
#include "cluster/thread_communicator.h"
#include "common/error.h"
#include "storage/checkpoint/reader.h"
#include "tests/trainer/support/small_state.h"
#include "tests/trainer/support/training.h"

namespace hearth {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// One start of a run: its checkpoints and the state they save.
struct Start {
  Start(const TrainerOptions& asked, const Dataset& dataset, Communicator& inner, double value)
      : options(asked), communicator(inner), small(value) {
    checkpoints.emplace(options, dataset, small.layout, small.state, communicator, observer);
  }
  void SetStep(int64_t step, double value) {
    small.state.counters.step = step;
    small.state.parameters.dense.fill_(value);
  }
  std::vector<double> values() { return small.values(); }

  TrainerOptions options;
  CountingCommunicator communicator;
  RecordingObserver observer;
  SmallState small;
  std::optional<RunCheckpoints> checkpoints;
};

class RunCheckpointsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    options_.run_dir = FreshFolder("run");
    options_.checkpoint.every_steps = 4;
    options_.checkpoint.keep = 100;
    options_.config_hash = "c0ffee";
    options_.tool_version = "1.2.3";
  }
  // Puts a file in the place of the folder: no save can begin.
  void BlockSaves() { std::ofstream(CheckpointsFolder(options_.run_dir)) << "in the way"; }
  // Commits a step whose parameters have the value of its number.
  void Commit(int64_t step) {
    Start start(options_, dataset_, self_, 0.0);
    start.checkpoints->Resume();
    start.SetStep(step, static_cast<double>(step));
    start.checkpoints->SaveLast({});
  }

  Dataset dataset_{{.path = SmallDataset()}};
  SelfCommunicator self_;
  TrainerOptions options_;
};

TEST_F(RunCheckpointsTest, LastStepIsCommittedWithItsNotesAndResumed) {
  Start first(options_, dataset_, self_, 1.0);
  EXPECT_FALSE(first.checkpoints->Resume());
  first.SetStep(6, 2.5);
  first.small.state.counters.tasks_seen = 96;
  first.checkpoints->SaveLast({.epoch = 3, .metric = CheckpointMetric{"rmse", 0.75}});
  EXPECT_THAT(first.observer.checkpoints, ElementsAre(6));
  const CheckpointManifest manifest = ReadCheckpointManifest(CheckpointPath(options_.run_dir, 6));
  EXPECT_EQ(manifest.epoch, 3);
  ASSERT_TRUE(manifest.metric.has_value());
  EXPECT_EQ(manifest.metric->name, "rmse");
  EXPECT_EQ(manifest.metric->value, 0.75);
  EXPECT_EQ(manifest.config_hash, "c0ffee");
  EXPECT_EQ(manifest.data_hash, dataset_.Hash());

  Start second(options_, dataset_, self_, 0.0);
  EXPECT_TRUE(second.checkpoints->Resume());
  EXPECT_EQ(second.observer.resumed_from, 6);
  EXPECT_THAT(second.values(), Each(2.5));
  EXPECT_EQ(second.small.state.counters.tasks_seen, 96);
  EXPECT_FALSE(second.checkpoints->IsDue(/*is_requested=*/true)) << "on disk";
  second.checkpoints->SaveLast({});
  EXPECT_THAT(second.observer.checkpoints, IsEmpty());
  second.SetStep(7, 3.0);
  second.checkpoints->SaveLast({});
  EXPECT_EQ(ReadCheckpointManifest(CheckpointPath(options_.run_dir, 7)).run_id, manifest.run_id);
}

TEST_F(RunCheckpointsTest, ResumeAsAsked) {
  Commit(4);
  Commit(8);
  options_.checkpoint.resume = "never";
  EXPECT_FALSE(Start(options_, dataset_, self_, 0.0).checkpoints->Resume());
  options_.checkpoint.resume = CheckpointPath(options_.run_dir, 4);
  Start start(options_, dataset_, self_, 0.0);
  EXPECT_TRUE(start.checkpoints->Resume());
  EXPECT_THAT(start.values(), Each(4.0));
}

TEST_F(RunCheckpointsTest, RefusedCheckpointIsToldAndTheOneBeforeIsResumed) {
  Commit(4);
  Commit(8);
  std::filesystem::resize_file(CheckpointPath(options_.run_dir, 8) + "/MANIFEST.json", 10);
  Start start(options_, dataset_, self_, 0.0);
  EXPECT_TRUE(start.checkpoints->Resume());
  EXPECT_EQ(start.observer.resumed_from, 4);
  EXPECT_THAT(start.observer.refused, ElementsAre(HasSubstr("step-000008")));
}

TEST_F(RunCheckpointsTest, RefusesOtherData) {
  Commit(4);
  const std::string other = FreshFolder("other");
  SimulateDataset(other, 80, 60, 12);
  const Dataset dataset({.path = other});
  Start start(options_, dataset, self_, 0.0);
  try {
    start.checkpoints->Resume();
    FAIL() << "was resumed";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("trained on other data"), HasSubstr(other)));
  }
}

TEST_F(RunCheckpointsTest, SavesGoOnBesideTrainingOnAllRanks) {
  RunOnThreads(3, [&](Communicator& communicator) {
    Start start(options_, dataset_, communicator, 1.0);
    start.checkpoints->Resume();
    start.SetStep(4, 4.0);
    EXPECT_TRUE(start.checkpoints->IsDue(false));
    start.checkpoints->Begin({});
    EXPECT_FALSE(start.checkpoints->IsDue(true)) << "begun";
    start.SetStep(5, -1.0);
    EXPECT_FALSE(start.checkpoints->IsDue(false));
    EXPECT_TRUE(start.checkpoints->IsDue(true));
    while (start.observer.checkpoints.empty()) start.checkpoints->Advance();
    start.checkpoints->Advance();  // nothing is in flight
    EXPECT_THAT(start.observer.checkpoints, ElementsAre(4));
    start.small.state.counters.best_step = 5;
    EXPECT_TRUE(start.checkpoints->IsDue(false)) << "the best";
  });
  const CheckpointReader saved(CheckpointPath(options_.run_dir, 4));
  EXPECT_THAT(saved.Read<double>("parameters/0.w"), Each(4.0));
}

TEST_F(RunCheckpointsTest, BeginEndsASaveInFlightFirst) {
  Start start(options_, dataset_, self_, 1.0);
  start.checkpoints->Resume();
  start.SetStep(4, 4.0);
  start.checkpoints->Begin({});
  start.SetStep(8, 8.0);
  start.checkpoints->Begin({});
  EXPECT_THAT(start.observer.checkpoints, ElementsAre(4));
  start.checkpoints->Finish();
  start.checkpoints->Finish();  // nothing is in flight
  EXPECT_THAT(start.observer.checkpoints, ElementsAre(4, 8));
}

TEST_F(RunCheckpointsTest, GoesBackToTheNewestValidOne) {
  Start start(options_, dataset_, self_, 1.0);
  start.checkpoints->Resume();
  EXPECT_EQ(start.checkpoints->LoadNewest(), std::nullopt);
  EXPECT_THAT(start.values(), Each(1.0));
  Commit(4);
  Commit(8);
  start.SetStep(11, -1.0);
  EXPECT_EQ(start.checkpoints->LoadNewest(), CheckpointPath(options_.run_dir, 8));
  EXPECT_THAT(start.values(), Each(8.0));
  EXPECT_EQ(start.small.state.counters.step, 8);
}

TEST_F(RunCheckpointsTest, FailedSavesAreToldUntilTheyAreTooMany) {
  BlockSaves();
  options_.checkpoint.resume = "never";
  options_.checkpoint.max_failed_saves = 1;
  Start start(options_, dataset_, self_, 1.0);
  start.checkpoints->Resume();
  start.SetStep(4, 4.0);
  start.checkpoints->Begin({});
  start.checkpoints->Finish();
  ASSERT_THAT(start.observer.failed_saves, SizeIs(1));
  EXPECT_EQ(start.observer.failed_saves[0].first, 4);
  EXPECT_TRUE(start.checkpoints->IsDue(false)) << "it is not on disk";
  start.checkpoints->Begin({});
  EXPECT_THROW(start.checkpoints->Finish(), StorageError);
}

TEST_F(RunCheckpointsTest, LastStepMustNotFail) {
  BlockSaves();
  options_.checkpoint.resume = "never";
  options_.checkpoint.max_failed_saves = 100;
  Start start(options_, dataset_, self_, 1.0);
  start.checkpoints->Resume();
  start.SetStep(4, 4.0);
  EXPECT_THROW(start.checkpoints->SaveLast({}), StorageError);
  EXPECT_THAT(start.observer.failed_saves, IsEmpty());
}

TEST_F(RunCheckpointsTest, RanksThatDifferSaveNothing) {
  RunOnThreads(3, [&](Communicator& communicator) {
    Start start(options_, dataset_, communicator, 1.0);
    start.checkpoints->Resume();
    start.SetStep(4, communicator.rank() == 1 ? 4.5 : 4.0);
    EXPECT_THROW(start.checkpoints->Begin({}), NumericError);
  });
  EXPECT_THAT(ListSteps(options_.run_dir), IsEmpty());
}

}  // namespace
}  // namespace hearth
