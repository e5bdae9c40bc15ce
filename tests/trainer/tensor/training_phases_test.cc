#include "trainer/tensor/training_phases.h"

#include <set>
#include <string_view>

#include <gtest/gtest.h>

namespace hearth {
namespace {

TEST(TrainingPhases, OnlyWorkOutsideAStepMayTakeLong) {
  for (const Phase phase : {kLoadPhase, kFetchPhase, kComputePhase, kReducePhase, kUpdatePhase}) {
    EXPECT_FALSE(phase.may_take_long) << phase.name;
  }
  for (const Phase phase :
       {kStartPhase, kEvaluatePhase, kSavePhase, kSavePreparePhase, kSaveWritePhase,
        kSaveGatherPhase, kSaveCommitPhase, kSavePrunePhase, kEndPhase}) {
    EXPECT_TRUE(phase.may_take_long) << phase.name;
  }
}

TEST(TrainingPhases, HaveNamesOfTheirOwn) {
  std::set<std::string_view> names;
  for (const Phase phase :
       {kStartPhase, kLoadPhase, kFetchPhase, kComputePhase, kReducePhase, kUpdatePhase,
        kEvaluatePhase, kSavePhase, kSavePreparePhase, kSaveWritePhase, kSaveGatherPhase,
        kSaveCommitPhase, kSavePrunePhase, kEndPhase}) {
    EXPECT_TRUE(names.insert(phase.name).second) << phase.name;
  }
}

}  // namespace
}  // namespace hearth
