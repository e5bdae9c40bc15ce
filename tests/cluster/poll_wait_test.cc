#include "cluster/poll_wait.h"

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hearth {
namespace {

using ::testing::ElementsAre;

class PollWaitTest : public ::testing::Test {
 protected:
  double now_sec_ = 100.0;
  std::vector<double> pauses_sec_;
  const PollClock clock_ = {.now_sec = [this] { return now_sec_; },
                            .give_way_sec = [this](double sec) { pauses_sec_.push_back(sec); }};
};

TEST_F(PollWaitTest, EndsPastTheLimitWithoutAnotherPause) {
  PollWait wait(2.0, clock_);
  now_sec_ = 102.0;
  EXPECT_TRUE(wait.Continue());
  EXPECT_EQ(pauses_sec_.size(), 1U);
  now_sec_ = 102.5;
  EXPECT_FALSE(wait.Continue());
  EXPECT_EQ(pauses_sec_.size(), 1U);
  EXPECT_EQ(wait.waited_sec(), 2.5);
}

TEST_F(PollWaitTest, SpinsThenYieldsThenSleeps) {
  PollWait wait(1.0, clock_);
  now_sec_ += 20e-6;
  EXPECT_TRUE(wait.Continue());
  EXPECT_THAT(pauses_sec_, ElementsAre());
  now_sec_ += 1e-3;
  EXPECT_TRUE(wait.Continue());
  EXPECT_THAT(pauses_sec_, ElementsAre(0.0));
  now_sec_ += 10e-3;
  EXPECT_TRUE(wait.Continue());
  EXPECT_THAT(pauses_sec_, ElementsAre(0.0, 100e-6));
}

TEST(SteadyPollClock, PassesWhileItGivesWay) {
  const PollClock& clock = SteadyPollClock();
  const double begin = clock.now_sec();
  clock.give_way_sec(0.0);
  clock.give_way_sec(1e-3);
  EXPECT_GE(clock.now_sec() - begin, 1e-3);
}

}  // namespace
}  // namespace hearth
