// Training when numbers go wrong: steps left out, roll-backs, replicas that differ, spikes.

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/counting_communicator.h"
#include "cluster/self_communicator.h"
#include "cluster/thread_communicator.h"
#include "common/error.h"
#include "tests/trainer/support/training.h"
#include "trainer/adapt/learner_of_dataset.h"
#include "trainer/loop/loss_watch.h"
#include "trainer/loop/skip_budget.h"
#include "trainer/state/replica_check.h"

namespace hearth {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::SizeIs;

// An engine that reports some chunks without a finite task, as real engines report them.
class SometimesBadEngine : public Engine {
 public:
  SometimesBadEngine(const Engine& good, bool bad_sums) : good_(good), bad_sums_(bad_sums) {}

  std::string name() const override { return "sometimes bad"; }
  ChunkResult Compute(const Chunk& chunk, const MetaParameters& parameters,
                      const FetchedRows& fetched) const override {
    ChunkResult result = good_.Compute(chunk, parameters, fetched);
    if (!is_bad) return result;
    if (bad_sums_) {
      result.dense_gradient.fill_(std::numeric_limits<double>::infinity());
    } else {
      result.dense_gradient.zero_();
      for (at::Tensor& rows : result.row_gradients) rows.zero_();
      result.loss_sum = 0.0;
      result.finite_task_count = 0;
    }
    return result;
  }
  bool is_bad = false;

 private:
  const Engine& good_;
  const bool bad_sums_;
};

// A broken communicator: it loses the news of the other ranks about sums that are not finite. It
// shows that the tests here notice this.
class ForgetfulCommunicator : public CountingCommunicator {
 public:
  using CountingCommunicator::CountingCommunicator;

 protected:
  void AllReduceElements(void* data, int64_t count, ElementType type, ReduceOp op) override {
    const auto* values = static_cast<const double*>(data);
    std::vector<double> own;
    if (op == ReduceOp::kMax && type == ElementType::kFloat64) own.assign(values, values + count);
    CountingCommunicator::AllReduceElements(data, count, type, op);
    std::ranges::copy(own, static_cast<double*>(data));
  }
};

class NumericSafety : public ::testing::Test {
 protected:
  // Takes four outer steps on `world_size` ranks; the second step is bad on the last rank. Returns
  // the results of rank 0.
  std::vector<StepResult> FourSteps(int world_size, ReduceMode mode, bool bad_sums,
                                    bool forgetful = false) {
    std::vector<StepResult> results;
    RunOnThreads(world_size, [&](Communicator& world) {
      ForgetfulCommunicator broken(world);
      Communicator& communicator = forgetful ? broken : world;
      const TrainerOptions options = SmallRun(::testing::TempDir(), 4);
      const RankPlace place = {communicator.rank(), communicator.world_size()};
      const LearnerOfDataset on_data(dataset_, options, TensorOptionsFor(options.train, 0));
      RunState state = InitialState(options, on_data.learner, place);
      const BatchBuilder& builder = on_data.data.builder();
      const ChosenEngine chosen =
          ChooseEngine(EngineKind::kAuto, {on_data.learner, builder}, at::kCPU);
      SometimesBadEngine engine(*chosen.engine, bad_sums);
      WorkerThreads threads(1);
      OuterLoop::Options loop_options = OuterLoopOptions(options);
      loop_options.reduce = mode;
      OuterLoop loop(loop_options, engine, builder, state.parameters, state.optimizer, communicator,
                     threads);
      MetaBatchLoader loader(dataset_, kTrainPart, TrainingTasks(options), options.seed, place);
      for (int step = 0; step < 4; ++step) {
        engine.is_bad = step == 1 && communicator.rank() + 1 == communicator.world_size();
        const at::Tensor before = state.parameters.dense.clone();
        const StepResult result = loop.Step(loader.Next());
        EXPECT_EQ(result.skip_reason.empty(), !before.equal(state.parameters.dense));
        EXPECT_TRUE(std::isfinite(state.parameters.dense.abs().sum().item<double>()));
        if (communicator.is_root()) results.push_back(result);
      }
      EXPECT_NO_THROW(RequireEqualReplicas(state, communicator));
    });
    return results;
  }

  Dataset dataset_{{.path = SmallDataset()}};
};

TEST_F(NumericSafety, TasksThatAreNotFiniteAreLeftOutAndTheStepIsTaken) {
  const auto results = FourSteps(2, ReduceMode::kExact, /*bad_sums=*/false);
  EXPECT_THAT(results[1].skip_reason, IsEmpty());
  EXPECT_GT(results[1].skipped_task_count, 0);
  EXPECT_EQ(results[1].skipped_task_count + results[1].task_count, 16);
}

TEST_F(NumericSafety, StepWithoutAFiniteTaskIsLeftOut) {
  const auto results = FourSteps(1, ReduceMode::kExact, /*bad_sums=*/false);
  EXPECT_THAT(results[1].skip_reason, HasSubstr("none of its 16 tasks"));
  for (const int good : {0, 2, 3}) EXPECT_THAT(results[good].skip_reason, IsEmpty());
}

TEST_F(NumericSafety, SumOfOneRankThatIsNotFiniteMakesAllRanksLeaveTheStepOut) {
  for (const ReduceMode mode : {ReduceMode::kExact, ReduceMode::kFast}) {
    const auto results = FourSteps(3, mode, /*bad_sums=*/true);
    EXPECT_FALSE(results[1].skip_reason.empty());
    for (const int good : {0, 2, 3}) EXPECT_THAT(results[good].skip_reason, IsEmpty());
  }
}

TEST_F(NumericSafety, LosingTheWordOfABadSumIsNoticed) {
  EXPECT_THROW(FourSteps(3, ReduceMode::kExact, /*bad_sums=*/true, /*forgetful=*/true), CommError);
}

TEST_F(NumericSafety, TooManySkippedStepsRollBackTwiceAndThenEndTheRun) {
  TrainerOptions options = SmallRun(FreshFolder("run"), 4);
  options.descent.learn_inner_lr = GradientDescentOptions::LearnInnerLr::kNo;
  options.checkpoint.keep = 100;
  SelfCommunicator self;
  Train(options, dataset_, self);
  options.train.max_steps = 1000;
  options.descent.inner_lr = 1e30;  // no task survives its first inner step
  RecordingObserver observer;
  const std::atomic<bool> stop = false;
  try {
    Train(options, dataset_, self, observer, stop);
    FAIL() << "went on for ever";
  } catch (const NumericError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("2 times"), HasSubstr("inner_lr")));
  }
  EXPECT_THAT(observer.roll_backs, ElementsAre(10, 16)) << "after six skipped steps each";
  EXPECT_THAT(observer.skipped_steps, SizeIs(18));
  EXPECT_EQ(ModelHash(options.run_dir, 10), ModelHash(options.run_dir, 4));
  EXPECT_EQ(ModelHash(options.run_dir, 16), ModelHash(options.run_dir, 4));
}

TEST_F(NumericSafety, DivergenceWithoutACheckpointEndsTheRun) {
  TrainerOptions options = SmallRun(FreshFolder("run"), 1000);
  options.descent.inner_lr = 1e30;
  options.eval.scenarios = {"both_cold"};  // without tasks: the start is not validated and saved
  SelfCommunicator self;
  try {
    Train(options, dataset_, self);
    FAIL() << "went on for ever";
  } catch (const NumericError& error) {
    EXPECT_THAT(error.what(), HasSubstr("no checkpoint to go back to"));
  }
}

TEST_F(NumericSafety, FlippedBitOfOneRankIsFound) {
  const TrainerOptions options = SmallRun(FreshFolder("run"), 1);
  RunOnThreads(3, [&](Communicator& communicator) {
    const LearnerOfDataset on_data(dataset_, options, TensorOptionsFor(options.train, 0));
    RunState replica =
        InitialState(options, on_data.learner, {communicator.rank(), communicator.world_size()});
    EXPECT_NO_THROW(RequireEqualReplicas(replica, communicator));
    if (communicator.rank() == 2) {
      auto* words = static_cast<uint32_t*>(replica.parameters.dense.mutable_data_ptr());
      words[17] ^= 1u;  // the last bit of a mantissa
    }
    try {
      RequireEqualReplicas(replica, communicator);
      ADD_FAILURE() << "not found";
    } catch (const NumericError& error) {
      EXPECT_THAT(error.what(), HasSubstr("parameters of rank 2 "));
    }
  });
}

TEST_F(NumericSafety, FailedSavesAreToldAndEndTheRunOnlyAfterTheLimit) {
  TrainerOptions options = SmallRun(FreshFolder("run"), 40);
  options.checkpoint.every_steps = 5;
  options.checkpoint.max_failed_saves = 3;
  // A file has the place of the folder of checkpoints: no save can begin.
  const std::string blocked = CheckpointsFolder(options.run_dir);
  std::ofstream(blocked) << "in the way";
  const std::atomic<bool> stop = false;
  options.checkpoint.resume = "never";
  {
    RecordingObserver observer;
    SelfCommunicator self;
    EXPECT_THROW(Train(options, dataset_, self, observer, stop), StorageError);
    ASSERT_THAT(observer.failed_saves, SizeIs(3));
    EXPECT_EQ(observer.failed_saves[0].first, 0);
    // The fourth failure, of the save of step 15, is reported as soon as its thread has ended.
    EXPECT_THAT(std::ssize(observer.losses), AllOf(Ge(16), Le(20)));
  }
  RunOnThreads(2, [&](Communicator& communicator) {  // the way is cleared after three failures
    RecordingObserver observer;
    observer.on_step = [&](const StepReport& report) {
      if (report.step == 13 && communicator.is_root()) std::filesystem::remove(blocked);
    };
    EXPECT_EQ(Train(options, dataset_, communicator, observer, stop), TrainOutcome::kDone);
    EXPECT_THAT(observer.failed_saves, SizeIs(3));
    EXPECT_EQ(observer.checkpoints.back(), 40);
  });
}

TEST_F(NumericSafety, RunThatCannotSaveItsLastStepFails) {
  TrainerOptions options = SmallRun(FreshFolder("run"), 6);
  options.checkpoint.resume = "never";
  std::ofstream(CheckpointsFolder(options.run_dir)) << "in the way";
  SelfCommunicator self;
  EXPECT_THROW(Train(options, dataset_, self), StorageError);
}

TEST(SkipBudget, CountsTheStepsOfTheWindow) {
  std::vector<int64_t> skipped;
  EXPECT_EQ(SkipBudget::Add(1, skipped), 1);
  EXPECT_EQ(SkipBudget::Add(50, skipped), 2);
  EXPECT_EQ(SkipBudget::Add(100, skipped), 3);
  EXPECT_EQ(SkipBudget::Add(101, skipped), 3) << "step 1 left the window";
  EXPECT_THAT(skipped, ElementsAre(50, 100, 101));
}

TEST(LossWatch, NamesTheFourthLossInARowFarAboveTheWindowBefore) {
  LossWatch watch;
  for (int64_t i = 0; i < LossWatch::kWindow; ++i) {
    EXPECT_FALSE(watch.Add(1.0 + 0.01 * static_cast<double>(i % 5)).has_value());
  }
  EXPECT_FALSE(watch.Add(1.1).has_value());
  EXPECT_FALSE(watch.Add(5.0).has_value()) << "one alone";
  EXPECT_FALSE(watch.Add(1.0).has_value());
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(watch.Add(2.0).has_value());
  const auto spike = watch.Add(2.0);
  ASSERT_TRUE(spike.has_value());
  EXPECT_EQ(spike->loss, 2.0);
  EXPECT_NEAR(spike->median, 1.02, 0.011);
  EXPECT_FALSE(watch.Add(2.0).has_value()) << "told already";
  EXPECT_FALSE(watch.Add(std::nan("")).has_value());
}

TEST(LossWatch, SaysNothingAboutTheLossesOfHealthyTraining) {
  LossWatch watch;
  RandomStream random(1, Purpose::kTest);
  for (int i = 0; i < 20000; ++i) {
    EXPECT_FALSE(watch.Add(0.9 + std::exp(-i / 500.0) + 0.05 * random.NextNormal()).has_value());
  }
}

// The steps (from 1) at which a watch names a spike of these losses.
std::vector<int64_t> SpikesOf(const std::vector<double>& losses) {
  LossWatch watch;
  std::vector<int64_t> steps;
  for (size_t i = 0; i < losses.size(); ++i) {
    if (watch.Add(losses[i])) steps.push_back(static_cast<int64_t>(i) + 1);
  }
  return steps;
}

// Losses around 1: a window and more.
std::vector<double> CalmLosses(int64_t count, uint64_t number) {
  std::vector<double> losses;
  RandomStream random(2, Purpose::kTest, number);
  for (int64_t i = 0; i < count; ++i) losses.push_back(1.0 + 0.01 * random.NextNormal());
  return losses;
}

TEST(LossWatch, LossThatIsNotFiniteNeitherCountsNorBreaksARow) {
  std::vector<double> losses = CalmLosses(LossWatch::kWindow, 1);
  const double infinite = std::numeric_limits<double>::infinity();
  for (const double loss : {3.0, 3.0, infinite, std::nan(""), 3.0, -infinite, 3.0, 3.0}) {
    losses.push_back(loss);
  }
  EXPECT_THAT(SpikesOf(losses), ElementsAre(LossWatch::kWindow + 7));
}

TEST(LossWatch, LimitIsTwelveMedianDeviationsAboveTheMedianOfTheWindow) {
  // The window: the medians are 1 and 0.5, so the limit is 7.
  std::vector<double> window;
  for (int64_t i = 0; i < LossWatch::kWindow; ++i) {
    window.push_back(i % 4 == 0 ? 0.5 : i % 4 == 2 ? 1.5 : 1.0);
  }
  const auto spikes_after = [&](const std::vector<double>& later) {
    std::vector<double> losses = window;
    losses.insert(losses.end(), later.begin(), later.end());
    return SpikesOf(losses);
  };
  EXPECT_THAT(spikes_after({7.001, 7.001, 7.001, 7.001}), ElementsAre(LossWatch::kWindow + 4));
  EXPECT_THAT(spikes_after({7.001, 7.001, 7.001, 7.0}), IsEmpty()) << "at the limit";
  EXPECT_THAT(spikes_after({7.0, 7.001, 7.001, 7.001}), IsEmpty()) << "at the limit";
  EXPECT_THAT(spikes_after({-100.0, -100.0, -100.0, -100.0}), IsEmpty()) << "far below";
}

TEST(LossWatch, NeedsAFullWindowAndForgetsOldLosses) {
  std::vector<double> losses = CalmLosses(LossWatch::kWindow - 4, 2);
  losses.insert(losses.end(), 4, 5.0);
  EXPECT_THAT(SpikesOf(losses), IsEmpty()) << "the window has just become full";
  for (const int64_t early : {4, 5, 20}) {
    losses = CalmLosses(LossWatch::kWindow - early, 2);
    losses.insert(losses.end(), 3 * LossWatch::kWindow, 5.0);
    EXPECT_THAT(SpikesOf(losses), ElementsAre(LossWatch::kWindow + 1)) << "told late, and once";
  }
  // A new level is the usual one after a window; a second jump is a spike again.
  losses = CalmLosses(LossWatch::kWindow, 3);
  for (const double level : {2.0, 4.0}) {
    for (const double loss : CalmLosses(2 * LossWatch::kWindow, 4)) {
      losses.push_back(loss + level);
    }
  }
  EXPECT_THAT(SpikesOf(losses), ElementsAre(LossWatch::kWindow + 4, 3 * LossWatch::kWindow + 4));
}

TEST(LossWatch, ScaleAndZeroOfTheLossDoNotMatter) {
  std::vector<double> losses = CalmLosses(700, 5);
  for (size_t i = 90; i < losses.size(); i += 70) {
    for (size_t k = 0; k < 3 + i % 4; ++k) losses[i + k] += 0.5;
  }
  const std::vector<int64_t> spikes = SpikesOf(losses);
  EXPECT_THAT(spikes, SizeIs(Ge(3)));
  for (const double scale : {0x1p-20, 0x1p20}) {
    std::vector<double> scaled;
    for (const double loss : losses) scaled.push_back(scale * (loss - 64.0));
    EXPECT_EQ(SpikesOf(scaled), spikes);
  }
}

TEST(SkipBudget, KeepsTheStepsOfAWindowAlone) {
  std::vector<int64_t> skipped;
  for (int64_t step = 1; step <= 1000; ++step) {
    if (step % 5 != 0) continue;  // 100 is one of them
    int64_t expected = 0;
    for (int64_t other = 5; other <= step; other += 5) expected += other > step - 100;
    EXPECT_EQ(SkipBudget::Add(step, skipped), expected) << step;
    EXPECT_EQ(std::ssize(skipped), expected);
  }
}

}  // namespace
}  // namespace hearth
