#include "trainer/loop/skip_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/self_communicator.h"
#include "common/error.h"
#include "tests/trainer/support/small_state.h"
#include "tests/trainer/support/training.h"
#include "trainer/loop/skip_budget.h"

namespace hearth {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr double kSaved = 1.0, kNow = 2.0;

class SkipPolicyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    options_.run_dir = FreshFolder("run");
    options_.checkpoint.keep = 100;
    checkpoints_.emplace(options_, dataset_, small_.layout, small_.state, communicator_, observer_);
    policy_.emplace(small_.state, *checkpoints_, observer_);
    checkpoints_->Resume();
  }
  // Steps until `step`; the last `skipped` steps are not taken.
  void StepUntil(int64_t step, int64_t skipped) {
    TrainState& counters = small_.state.counters;
    while (counters.step < step) {
      StepResult result;
      if (++counters.step > step - skipped) result.skip_reason = "labels are wild";
      policy_->OnStep(result, /*epoch=*/5);
    }
  }
  // Commits the state with parameters kSaved; afterwards the parameters are kNow.
  void SaveThenChange() {
    small_.state.parameters.dense.fill_(kSaved);
    checkpoints_->SaveLast({});
    small_.state.parameters.dense.fill_(kNow);
  }
  std::string ReasonOfTheEnd(int64_t step) {
    try {
      StepUntil(step, SkipBudget::kMost + 1);
    } catch (const NumericError& error) {
      return error.what();
    }
    return "went on";
  }
  std::vector<double> values() { return small_.values(); }

  Dataset dataset_{{.path = SmallDataset()}};
  SelfCommunicator self_;
  CountingCommunicator communicator_{self_};
  TrainerOptions options_;
  RecordingObserver observer_;
  SmallState small_{kNow};
  std::optional<RunCheckpoints> checkpoints_;
  std::optional<SkipPolicy> policy_;
};

TEST_F(SkipPolicyTest, GoesOnWhileTheBudgetLasts) {
  SaveThenChange();
  StepUntil(20, SkipBudget::kMost);
  EXPECT_THAT(observer_.skipped_steps, ElementsAre(16, 17, 18, 19, 20));
  EXPECT_THAT(small_.state.counters.skipped_steps, ElementsAre(16, 17, 18, 19, 20));
  StepUntil(20 + SkipBudget::kWindow, 0);
  StepUntil(21 + SkipBudget::kWindow, 1);
  EXPECT_THAT(small_.state.counters.skipped_steps, SizeIs(1)) << "the others are long ago";
  EXPECT_THAT(observer_.roll_backs, IsEmpty());
  EXPECT_THAT(values(), Each(kNow));
}

TEST_F(SkipPolicyTest, GoesBackToEarlierParametersAndOnToLaterTasks) {
  small_.state.counters.step = 4;
  SaveThenChange();
  small_.state.counters.tasks_seen = 1000;
  StepUntil(20, SkipBudget::kMost + 1);
  EXPECT_THAT(observer_.roll_backs, ElementsAre(20));
  EXPECT_THAT(values(), Each(kSaved));
  const TrainState& counters = small_.state.counters;
  EXPECT_EQ(counters.step, 20) << "no task is seen twice";
  EXPECT_EQ(counters.tasks_seen, 1000);
  EXPECT_EQ(counters.roll_backs, 1);
  EXPECT_THAT(counters.skipped_steps, IsEmpty());
  EXPECT_EQ(small_.state.optimizer.step_count(), 20);
  checkpoints_->Finish();
  EXPECT_THAT(ListSteps(options_.run_dir), ElementsAre(4, 20)) << "a resume goes on from here";
  EXPECT_EQ(ReadCheckpointManifest(CheckpointPath(options_.run_dir, 20)).epoch, 5);
}

TEST_F(SkipPolicyTest, ASaveInFlightCountsAsTheNewestCheckpoint) {
  small_.state.counters.step = 4;
  small_.state.parameters.dense.fill_(kSaved);
  checkpoints_->Begin({});
  small_.state.parameters.dense.fill_(kNow);
  StepUntil(20, SkipBudget::kMost + 1);
  EXPECT_THAT(observer_.checkpoints, ElementsAre(4));
  EXPECT_THAT(values(), Each(kSaved));
}

TEST_F(SkipPolicyTest, EndsTheRunWhenGoingBackTwiceDidNotHelp) {
  SaveThenChange();
  EXPECT_EQ(ReasonOfTheEnd(20), "went on");
  EXPECT_EQ(ReasonOfTheEnd(40), "went on");
  EXPECT_THAT(ReasonOfTheEnd(60), AllOf(HasSubstr("going back to a checkpoint 2 times did not"),
                                        HasSubstr("labels are wild")));
  EXPECT_THAT(observer_.roll_backs, ElementsAre(20, 40));
}

TEST_F(SkipPolicyTest, EndsTheRunWithoutACheckpoint) {
  EXPECT_THAT(ReasonOfTheEnd(20), HasSubstr("there is no checkpoint to go back to"));
}

}  // namespace
}  // namespace hearth
