#include "common/phase.h"

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hearth {
namespace {

TEST(Phase, NamesFollowTheEnumeration) {
  EXPECT_EQ(NameOf(Phase::kStart), "start");
  EXPECT_EQ(NameOf(Phase::kReduce), "reduce");
  EXPECT_EQ(NameOf(Phase::kSaveCommit), "save.commit");
  EXPECT_EQ(NameOf(Phase::kEnd), "end");
}

TEST(Phase, EveryMarkIsProgress) {
  int64_t before = CurrentPhase().mark_count;
  const auto expect_moved = [&before] {
    const int64_t now = CurrentPhase().mark_count;
    EXPECT_GT(now, before);
    before = now;
  };
  EnterPhase(Phase::kLoad);
  expect_moved();
  EnterPhase(Phase::kLoad);
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
  EXPECT_EQ(view.phase, Phase::kLoad);
  EXPECT_EQ(view.step, 7);
  EXPECT_STREQ(view.collective, "AllReduce");
  EXPECT_EQ(view.collective_count, collectives + 1);
  EXPECT_FALSE(view.in_collective);
}

std::vector<Phase> seen_by_hook;

TEST(Phase, AHookSeesEveryPhaseUntilItIsTakenOut) {
  const PhaseHook before = SetPhaseHook([](Phase phase) { seen_by_hook.push_back(phase); });
  EnterPhase(Phase::kSave);
  EnterPhase(Phase::kSaveCommit);
  SetPhaseHook(before);
  EnterPhase(Phase::kEnd);
  EXPECT_THAT(seen_by_hook, ::testing::ElementsAre(Phase::kSave, Phase::kSaveCommit));
}

}  // namespace
}  // namespace hearth
