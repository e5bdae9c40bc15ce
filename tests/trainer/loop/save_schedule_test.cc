#include "trainer/loop/save_schedule.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hearth {
namespace {

using ::testing::ElementsAre;
using ::testing::Optional;

class SaveScheduleTest : public ::testing::Test {
 protected:
  SaveSchedule Make(int64_t every_steps) {
    options_.every_steps = every_steps;
    return SaveSchedule(options_, [this] { return now_sec_; });
  }
  // A save for which training waits.
  void Save(SaveSchedule& schedule, int64_t step, double cost_sec) {
    schedule.OnBegin(step);
    now_sec_ += cost_sec;
    schedule.OnTrainingGoesOn();
  }

  double now_sec_ = 1000.0;
  CheckpointOptions options_{.mtbf_sec = 20000.0, .max_failed_saves = 2};
};

TEST_F(SaveScheduleTest, SavesAfterEveryMultipleAndOnce) {
  SaveSchedule schedule = Make(4);
  std::vector<int64_t> saved;
  for (int64_t step = 1; step <= 12; ++step) {
    if (!schedule.IsDueAfter(step, false, false)) continue;
    saved.push_back(step);
    schedule.OnBegin(step);
    EXPECT_FALSE(schedule.IsDueAfter(step, true, true)) << "begun already";
    EXPECT_TRUE(schedule.Has(step));
  }
  EXPECT_THAT(saved, ElementsAre(4, 8, 12));
}

TEST_F(SaveScheduleTest, BestStepAndRequestsAreSavedOutOfTurn) {
  for (const int64_t every : {int64_t{0}, int64_t{10}, CheckpointOptions::kAutoInterval}) {
    const SaveSchedule schedule = Make(every);
    EXPECT_FALSE(schedule.IsDueAfter(3, false, false)) << every;
    EXPECT_TRUE(schedule.IsDueAfter(3, true, false)) << every;
    EXPECT_TRUE(schedule.IsDueAfter(3, false, true)) << every;
  }
}

TEST_F(SaveScheduleTest, LoadedStepIsOnDisk) {
  SaveSchedule schedule = Make(4);
  schedule.OnLoaded(8);
  EXPECT_FALSE(schedule.IsDueAfter(8, true, true));
  EXPECT_TRUE(schedule.IsDueAfter(12, false, false));
}

TEST_F(SaveScheduleTest, AutomaticIntervalIsAMinuteAtLeast) {
  const SaveSchedule schedule = Make(CheckpointOptions::kAutoInterval);
  EXPECT_FALSE(schedule.IntervalIsOver());
  now_sec_ += 59.9;
  EXPECT_FALSE(schedule.IntervalIsOver());
  now_sec_ += 0.1;
  EXPECT_TRUE(schedule.IntervalIsOver());
}

TEST_F(SaveScheduleTest, AutomaticIntervalGrowsWithTheRootOfTheCost) {
  SaveSchedule schedule = Make(CheckpointOptions::kAutoInterval);
  for (const double cost_sec : {1.0, 4.0, 0.01}) {
    Save(schedule, 1, cost_sec);
    // Young 1974, counted from the begin of the save.
    const double interval_sec = std::max(60.0, std::sqrt(2.0 * cost_sec * 20000.0));
    now_sec_ += interval_sec - cost_sec - 0.001;
    EXPECT_FALSE(schedule.IntervalIsOver()) << cost_sec;
    now_sec_ += 0.002;
    EXPECT_TRUE(schedule.IntervalIsOver()) << cost_sec;
  }
}

TEST_F(SaveScheduleTest, PeriodicSavesHaveNoInterval) {
  for (const int64_t every : {0, 4}) {
    const SaveSchedule schedule = Make(every);
    now_sec_ += 1e9;
    EXPECT_FALSE(schedule.IntervalIsOver());
  }
}

TEST_F(SaveScheduleTest, FailedSaveIsMadeUpForByALaterOne) {
  SaveSchedule schedule = Make(4);
  schedule.OnBegin(4);
  EXPECT_THAT(schedule.OnFailed(4, ExitCode::kStorage), Optional(1));
  EXPECT_FALSE(schedule.Has(4));
  EXPECT_TRUE(schedule.IsDueAfter(4, false, false));
  schedule.OnBegin(5);
  EXPECT_THAT(schedule.OnFailed(4, ExitCode::kStorage), Optional(2));
  EXPECT_TRUE(schedule.Has(5)) << "a save of its own";
}

TEST_F(SaveScheduleTest, RunEndsWhenMoreSavesFailInARowThanAllowed) {
  SaveSchedule schedule = Make(4);
  EXPECT_THAT(schedule.OnFailed(4, ExitCode::kStorage), Optional(1));
  EXPECT_THAT(schedule.OnFailed(8, ExitCode::kPermission), Optional(2));
  schedule.OnCommitted();
  EXPECT_THAT(schedule.OnFailed(12, ExitCode::kStorage), Optional(1)) << "in a row";
  EXPECT_THAT(schedule.OnFailed(16, ExitCode::kStorage), Optional(2));
  EXPECT_EQ(schedule.OnFailed(20, ExitCode::kStorage), std::nullopt);
  options_.max_failed_saves = 0;
  EXPECT_EQ(Make(4).OnFailed(4, ExitCode::kStorage), std::nullopt);
}

TEST_F(SaveScheduleTest, FailureThatWillNotPassEndsTheRunAtOnce) {
  for (const ExitCode code : {ExitCode::kComm, ExitCode::kNumeric, ExitCode::kData}) {
    EXPECT_EQ(Make(4).OnFailed(4, code), std::nullopt);
  }
}

}  // namespace
}  // namespace hearth
