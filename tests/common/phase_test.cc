#include "common/phase.h"

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hearth {
namespace {

constexpr Phase kWork = {.name = "work"};
constexpr Phase kWrite = {.name = "write", .may_take_long = true};

TEST(Phase, EveryMarkIsProgress) {
  int64_t before = CurrentPhase().mark_count;
  const auto expect_moved = [&before] {
    const int64_t now = CurrentPhase().mark_count;
    EXPECT_GT(now, before);
    before = now;
  };
  EnterPhase(kWork);
  expect_moved();
  EnterPhase(kWork);
  expect_moved();
  EnterStep(7);
  expect_moved();
  const int64_t collectives = CurrentPhase().collective_count;
  {
    const CollectiveMark mark("AllReduce");
    expect_moved();
    EXPECT_TRUE(CurrentPhase().in_collective);
  }
  expect_moved();
  const PhaseView view = CurrentPhase();
  EXPECT_EQ(view.phase, kWork);
  EXPECT_EQ(view.step, 7);
  EXPECT_STREQ(view.collective, "AllReduce");
  EXPECT_EQ(view.collective_count, collectives + 1);
  EXPECT_FALSE(view.in_collective);
}

TEST(Phase, WorkBesideTheThreadLeavesItsPhaseAsItIs) {
  EnterPhase(kWork);
  const int64_t before = CurrentPhase().mark_count;
  MarkBackgroundPhase(kWrite);
  EXPECT_EQ(CurrentPhase().phase, kWork);
  EXPECT_EQ(CurrentPhase().mark_count, before);
}

std::vector<Phase> seen_by_hook;

TEST(Phase, AHookSeesEveryPhaseUntilItIsTakenOut) {
  const PhaseHook before = SetPhaseHook([](Phase phase) { seen_by_hook.push_back(phase); });
  EnterPhase(kWork);
  MarkBackgroundPhase(kWrite);
  SetPhaseHook(before);
  EnterPhase(kWork);
  EXPECT_THAT(seen_by_hook, ::testing::ElementsAre(kWork, kWrite));
}

}  // namespace
}  // namespace hearth
