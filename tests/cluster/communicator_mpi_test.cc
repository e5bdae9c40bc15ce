#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/mpi_communicator.h"
#include "cluster/mpi_session.h"
#include "common/error.h"
#include "tests/cluster/communicator_checks.h"
#include "tests/tools/mpi_world.h"

namespace hearth {
namespace {

TEST(MpiCommunicator, AllOperationsGiveWhatTheFormulaSays) {
  const auto communicator = MakeMpiCommunicator();
  EXPECT_EQ(communicator->name(), "mpi");
  testing::CheckAllTypes(*communicator);
  testing::CheckTextGather(*communicator);
}

TEST(MpiCommunicator, SplitsLongMessagesAndSumsWithoutChangingTheResult) {
  const auto communicator = MakeMpiCommunicator({.bucket_bytes = 1000, .message_bytes = 777});
  testing::CheckAllTypes(*communicator);
}

TEST(MpiCommunicator, ReducesByPartsWithoutChangingTheResult) {
  // Some blocks have fewer elements than ranks, so some slices are empty.
  const auto communicator = MakeMpiCommunicator({.part_bytes = 0});
  testing::CheckAllTypes(*communicator);
  const auto in_pieces =
      MakeMpiCommunicator({.bucket_bytes = 100000, .part_bytes = 0, .message_bytes = 7777});
  testing::CheckAllTypes(*in_pieces);
}

TEST(MpiCommunicator, FloatSumsAreEqualOnAllRanks) {
  for (const int64_t part_bytes : {int64_t{0}, MpiCommunicatorOptions().part_bytes}) {
    const auto communicator = MakeMpiCommunicator({.part_bytes = part_bytes});
    testing::CheckFloatSumsAreEqualOnAllRanks(*communicator);
  }
}

TEST(MpiCommunicator, CommunicatorsDoNotMixMessages) {
  const auto first = MakeMpiCommunicator(), second = MakeMpiCommunicator();
  for (int32_t i = 0; i < 20; ++i) {
    const std::array<int32_t, 1> own = {i * 100 + first->rank()};
    const std::array<int32_t, 1> other = {-own[0]};
    const std::vector<int32_t> a = first->AllGather<int32_t>(own);
    const std::vector<int32_t> b = second->AllGather<int32_t>(other);
    for (int rank = 0; rank < first->world_size(); ++rank) {
      EXPECT_EQ(a[rank], i * 100 + rank);
      EXPECT_EQ(b[rank], -(i * 100 + rank));
    }
  }
}

TEST(MpiCommunicator, RankThatNeverArrivesRaisesCommErrorAtTheDeadline) {
  const auto world = MakeMpiCommunicator();
  if (world->world_size() == 1) GTEST_SKIP() << "one rank never waits";
  {
    const auto hasty = MakeMpiCommunicator({.base = {.deadline_sec = 0.05}});
    // The last rank misses an exchange, and every other rank waits for its data.
    if (world->rank() + 1 < world->world_size()) {
      const std::array<int64_t, 2> own = {1, 2};
      try {
        hasty->AllGather<int64_t>(own);
        ADD_FAILURE() << "the others arrived";
      } catch (const CommError& error) {
        EXPECT_THAT(error.what(), ::testing::HasSubstr("waited 0.05 s"));
        EXPECT_EQ(error.code(), ExitCode::kComm);
      }
    }
  }
  world->Barrier();
}

TEST(MpiSession, KnowsItsPlaceInTheWorldAndOnTheHost) {
  const MpiSession& session = testing::WorldSession();
  const auto communicator = session.MakeCommunicator();
  EXPECT_EQ(session.world_rank(), communicator->rank());
  EXPECT_EQ(session.world_size(), communicator->world_size());
  // All ranks of the test run on one host.
  EXPECT_EQ(session.local_rank(), session.world_rank());
  EXPECT_EQ(session.local_size(), session.world_size());
  EXPECT_TRUE(MpiSession::LaunchedByMpi());
}

}  // namespace
}  // namespace hearth
