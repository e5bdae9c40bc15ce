#include "trainer/loop/step_reporter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/self_communicator.h"
#include "cluster/thread_communicator.h"
#include "tests/trainer/support/training.h"

namespace hearth {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

StepReport ReportOf(int64_t step, double loss, double compute_sec) {
  StepReport report;
  report.step = step;
  report.result.loss = loss;
  report.load_sec = 1.0;
  report.times.compute = compute_sec;
  return report;
}

TEST(StepReporter, ReportsEveryStepAndHowEvenRanksWorkedInAWindow) {
  RunOnThreads(2, [](Communicator& communicator) {
    RecordingObserver observer;
    StepReporter reporter(2, communicator, observer);
    const double compute_sec = communicator.is_root() ? 1.0 : 5.0;
    for (int64_t step = 1; step <= 5; ++step) {
      reporter.OnStep(ReportOf(step, static_cast<double>(step), compute_sec));
    }
    EXPECT_THAT(observer.losses, ElementsAre(1.0, 2.0, 3.0, 4.0, 5.0));
    ASSERT_THAT(observer.balances, SizeIs(2));
    EXPECT_EQ(observer.balances[0].step_count, 2);
    EXPECT_DOUBLE_EQ(observer.balances[0].max_over_mean, 6.0 / 4.0) << "load and compute";
    EXPECT_THAT(observer.spikes, IsEmpty());
  });
}

TEST(StepReporter, WarnsOfLossesThatJump) {
  SelfCommunicator self;
  RecordingObserver observer;
  StepReporter reporter(10, self, observer);
  int64_t step = 0;
  while (step < LossWatch::kWindow) {
    const double noise = 0.01 * static_cast<double>(step % 5);
    reporter.OnStep(ReportOf(++step, 1.0 + noise, 1.0));
  }
  for (int i = 0; i < 4; ++i) reporter.OnStep(ReportOf(++step, 9.0, 1.0));
  EXPECT_THAT(observer.spikes, ElementsAre(LossWatch::kWindow + 4)) << "the fourth in a row";
  EXPECT_THAT(observer.balances, IsEmpty()) << "one rank";
}

}  // namespace
}  // namespace hearth
