#include "cluster/hang_detector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hearth {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr HangLimits kLimits = {.usual_sec = 30.0, .patient_sec = 600.0};
constexpr double kLook = 0.25;
constexpr Phase kWork = {.name = "work"};
constexpr Phase kSave = {.name = "save", .may_take_long = true};

/// A rank with marks set by the test. The detector looks at it four times a second.
class Rank {
 public:
  void Step(int64_t step) {
    view_.step_count += view_.step < 0 ? 1 : step - view_.step;
    view_.step = step;
    Move(kWork);
  }
  void Move(Phase phase) { view_.phase = phase, ++view_.mark_count; }
  void Collective(const char* name, bool inside) {
    view_.collective = name;
    view_.collective_count += inside ? 1 : 0;
    view_.in_collective = inside;
    ++view_.mark_count;
  }
  /// Lets time go by without a mark. Returns the seconds until the detector sees a hang, or -1.
  double Stand(double seconds) {
    for (double passed = kLook; passed <= seconds; passed += kLook) {
      if (detector_.Observe(view_, kLook)) return passed;
    }
    return -1.0;
  }
  /// Makes steps of this length from number `first` on. Returns false when one counts as a hang.
  bool Steps(int64_t first, int64_t count, double step_sec) {
    for (int64_t step = first; step < first + count; ++step) {
      Step(step);
      if (Stand(step_sec) >= 0.0) return false;
    }
    return true;
  }
  const HangDetector& detector() const { return detector_; }

 private:
  PhaseView view_;
  HangDetector detector_{kLimits};
};

TEST(HangDetector, ARankThatStandsStillForTheLimitHangs) {
  Rank rank;
  rank.Steps(0, 10, 1.0);
  EXPECT_NEAR(rank.Stand(100.0), 29.0, 0.5);  // one second of the step has passed
}

TEST(HangDetector, AnyMarkStartsTheTimeAnew) {
  Rank rank;
  rank.Steps(0, 10, 1.0);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(rank.Stand(20.0), -1.0);
    rank.Collective("AllReduce", i % 2 == 0);
  }
}

TEST(HangDetector, SlowStepsRaiseTheLimit) {
  Rank rank;
  EXPECT_TRUE(rank.Steps(0, 20, 25.0));
  EXPECT_NEAR(rank.detector().limit_sec(), 75.0, 1.0);
  rank.Step(20);
  EXPECT_NEAR(rank.Stand(1000.0), 75.0, 1.0);
}

TEST(HangDetector, ASlowStepIsForgottenAfterAHundred) {
  Rank rank;
  rank.Steps(0, 1, 25.0);
  rank.Steps(1, 100, 1.0);
  EXPECT_NEAR(rank.detector().limit_sec(), 75.0, 1.0);
  rank.Steps(101, 1, 1.0);
  EXPECT_EQ(rank.detector().limit_sec(), 30.0);
}

TEST(HangDetector, ManyStepsBetweenTwoLooksCountAsManyShortOnes) {
  Rank rank;
  for (int64_t step = 0; step < 100'000; step += 1000) EXPECT_TRUE(rank.Steps(step, 1, 12.5));
  EXPECT_EQ(rank.detector().limit_sec(), 30.0);
}

TEST(HangDetector, ManyStepsBeforeTheFirstLookAreStepsDone) {
  Rank rank;
  rank.Step(0);
  rank.Step(40);
  EXPECT_NEAR(rank.Stand(1000.0), 30.0, 0.5);
}

TEST(HangDetector, NothingIsJudgedBeforeTheFirstStep) {
  Rank rank;
  EXPECT_EQ(rank.Stand(100'000.0), -1.0);
}

TEST(HangDetector, TheFirstStepAndPhasesThatMayTakeLongGetMoreTime) {
  Rank rank;
  rank.Step(0);
  EXPECT_NEAR(rank.Stand(1000.0), 600.0, 1.0);
  for (const Phase phase : {kSave, kStartPhase}) {
    Rank patient;
    patient.Steps(0, 3, 1.0);
    patient.Move(phase);
    EXPECT_NEAR(patient.Stand(1000.0), 600.0, 1.0) << phase.name;
  }
}

TEST(HangDetector, TheTimeOfASaveIsNotTakenForASlowStep) {
  Rank rank;
  rank.Steps(0, 3, 1.0);
  rank.Move(kSave);
  rank.Stand(300.0);
  rank.Steps(3, 1, 1.0);
  EXPECT_EQ(rank.detector().limit_sec(), 30.0);
}

TEST(HangDetector, SaysWhereItStands) {
  Rank rank;
  rank.Steps(40, 2, 1.0);
  rank.Move(kWork);
  rank.Stand(31.0);
  EXPECT_THAT(rank.detector().Describe(), HasSubstr("for 30 s in phase work of step 42"));
  EXPECT_THAT(rank.detector().Describe(), Not(HasSubstr("collective")));
  rank.Collective("AllReduce", true);
  rank.Stand(1.0);
  EXPECT_THAT(rank.detector().Describe(), HasSubstr("in AllReduce (collective 1 of this rank)"));
  rank.Collective("AllReduce", false);
  rank.Stand(1.0);
  EXPECT_THAT(rank.detector().Describe(), HasSubstr("after AllReduce (collective 1 of this rank)"));
}

}  // namespace
}  // namespace hearth
