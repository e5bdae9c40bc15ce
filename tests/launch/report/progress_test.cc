#include "launch/report/progress.h"

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hearth {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

/// The test moves the clock of its Progress.
class ProgressTest : public ::testing::Test {
 protected:
  Progress Make(ProgressStyle style) {
    return Progress({.style = style,
                     .every_sec = 5,
                     .clock = [this] { return now_; },
                     .log_line = [this](const std::string& line) { lines_.push_back(line); },
                     .draw = [this](const std::string& text) { drawn_.push_back(text); }});
  }

  double now_ = 100;
  std::vector<std::string> lines_, drawn_;
};

TEST_F(ProgressTest, SaysALineEveryFewSecondsAndAtTheEnd) {
  Progress progress = Make(ProgressStyle::kPlain);
  for (int step = 1; step <= 12; ++step) {
    now_ += 1;
    progress.OnStep(step, 12, 0, 1.0, 32);
  }
  ASSERT_THAT(lines_, SizeIs(3));
  EXPECT_THAT(lines_[0], HasSubstr("step 5/12"));
  EXPECT_THAT(lines_[1], HasSubstr("step 10/12"));
  EXPECT_THAT(lines_[2], HasSubstr("step 12/12"));
  EXPECT_THAT(drawn_, IsEmpty());
}

TEST_F(ProgressTest, ReportsMeanLossSpeedAndRemainingTime) {
  Progress progress = Make(ProgressStyle::kPlain);
  progress.OnMetric("rmse", 0.934);
  for (int step = 1; step <= 5; ++step) {
    now_ += 1;
    progress.OnStep(step, 65, 3, step, 32);
  }
  EXPECT_THAT(lines_, ElementsAre("step 5/65  epoch 3  loss 3.0000  rmse 0.9340  32 tasks/s  "
                                  "ETA 1 min 00 s"));
}

TEST_F(ProgressTest, TheRemainingTimeIgnoresASlowFirstStep) {
  Progress progress = Make(ProgressStyle::kPlain);
  now_ += 100;
  progress.OnStep(1, 61, 0, 1, 1);
  for (int step = 2; step <= 11; ++step) {
    now_ += 1;
    progress.OnStep(step, 61, 0, 1, 1);
  }
  EXPECT_THAT(lines_.back(), HasSubstr("step 11/61"));
  EXPECT_THAT(lines_.back(), HasSubstr("ETA 50 s"));
}

TEST_F(ProgressTest, ABarIsRedrawnAndMakesRoomForLogLines) {
  Progress progress = Make(ProgressStyle::kBar);
  now_ += 1;
  progress.OnStep(1, 4, 0, 1, 1);
  ASSERT_THAT(drawn_, SizeIs(1));
  EXPECT_THAT(drawn_[0], HasSubstr("[#####...............] step 1/4"));
  progress.Interrupt();
  progress.Interrupt();
  EXPECT_THAT(drawn_, SizeIs(2));
  EXPECT_EQ(drawn_[1], "\r\033[K");
  now_ += 1;
  progress.OnStep(4, 4, 0, 1, 1);
  EXPECT_TRUE(drawn_.back().ends_with("\n"));
  EXPECT_THAT(lines_, IsEmpty());
}

TEST_F(ProgressTest, OffSaysNothing) {
  Progress progress = Make(ProgressStyle::kOff);
  now_ += 100;
  progress.OnStep(4, 4, 0, 1, 1);
  EXPECT_THAT(lines_, IsEmpty());
  EXPECT_THAT(drawn_, IsEmpty());
}

TEST(StyleOf, AutoIsABarOnlyOnATerminalWithoutMpi) {
  EXPECT_EQ(StyleOf("auto", true, false), ProgressStyle::kBar);
  EXPECT_EQ(StyleOf("auto", true, true), ProgressStyle::kPlain);
  EXPECT_EQ(StyleOf("auto", false, false), ProgressStyle::kPlain);
  EXPECT_EQ(StyleOf("bar", false, true), ProgressStyle::kBar);
  EXPECT_EQ(StyleOf("plain", true, false), ProgressStyle::kPlain);
  EXPECT_EQ(StyleOf("off", true, false), ProgressStyle::kOff);
}

TEST(PlainLine, HasNoMetricBeforeTheFirstEvaluation) {
  ProgressState state;
  state.step = 1;
  state.max_steps = 2;
  EXPECT_THAT(PlainLine(state), Not(HasSubstr("rmse")));
  EXPECT_THAT(PlainLine(state), HasSubstr("step 1/2  epoch 0  loss 0.0000  0 tasks/s  ETA 0 s"));
}

}  // namespace
}  // namespace hearth
