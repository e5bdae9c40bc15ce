#include "cluster/communicator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/self_communicator.h"
#include "cluster/thread_communicator.h"
#include "tests/cluster/communicator_checks.h"

namespace hearth {
namespace {

TEST(SelfCommunicator, IsTheIdentityForAllTypes) {
  SelfCommunicator self;
  EXPECT_EQ(self.rank(), 0);
  EXPECT_EQ(self.world_size(), 1);
  EXPECT_TRUE(self.is_root());
  EXPECT_EQ(self.name(), "self");
  testing::CheckAllTypes(self);
  testing::CheckTextGather(self);
}

class ThreadWorld : public ::testing::TestWithParam<int> {};

TEST_P(ThreadWorld, RanksAreNumberedOnce) {
  std::vector<int> seen(GetParam());
  RunOnThreads(GetParam(), [&](Communicator& communicator) {
    EXPECT_EQ(communicator.world_size(), GetParam());
    EXPECT_EQ(communicator.is_root(), communicator.rank() == 0);
    ++seen[communicator.rank()];
  });
  EXPECT_THAT(seen, ::testing::Each(1));
}

TEST_P(ThreadWorld, AllOperationsGiveWhatTheFormulaSays) {
  RunOnThreads(GetParam(), testing::CheckAllTypes);
}

TEST_P(ThreadWorld, FloatSumsAreEqualOnAllRanks) {
  RunOnThreads(GetParam(), testing::CheckFloatSumsAreEqualOnAllRanks);
}

TEST_P(ThreadWorld, GathersTexts) { RunOnThreads(GetParam(), testing::CheckTextGather); }

INSTANTIATE_TEST_SUITE_P(WorldSizes, ThreadWorld, ::testing::Values(1, 2, 3, 5));

}  // namespace
}  // namespace hearth
