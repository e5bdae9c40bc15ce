#include "cluster/rank_device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/thread_communicator.h"
#include "common/host_name.h"

namespace hearth {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(GatherRankDevices, TellsEveryRankWhereAllOthersCompute) {
  RunOnThreads(3, [](Communicator& communicator) {
    const std::string uuid = communicator.rank() == 1 ? "" : "GPU-" + std::string(3, 'a');
    const auto ranks = GatherRankDevices(communicator, uuid);
    ASSERT_EQ(ranks.size(), 3U);
    for (size_t rank = 0; rank < 3; ++rank) {
      EXPECT_EQ(ranks[rank].host, HostName());
      EXPECT_EQ(ranks[rank].uuid, rank == 1 ? "" : "GPU-aaa");
    }
  });
}

TEST(FindSharedDevice, IsTheFirstPairOnOneGpuWithARemedy) {
  const auto shared = FindSharedDevice({{"a", "1"}, {"b", "GPU-2"}, {"c", "GPU-2"}, {"a", "1"}});
  ASSERT_TRUE(shared);
  EXPECT_EQ(shared->first, 1);
  EXPECT_EQ(shared->second, 2);
  EXPECT_THAT(shared->message, AllOf(HasSubstr("rank 1 on b and rank 2 on c share GPU-2"),
                                     HasSubstr("dist.comm=mpi")));
}

TEST(FindSharedDevice, IsNoneWhereEveryRankHasItsOwn) {
  EXPECT_FALSE(FindSharedDevice({}));
  EXPECT_FALSE(FindSharedDevice({{"a", "1"}, {"a", "2"}, {"b", "3"}}));
}

TEST(FindSharedDevice, RanksOnTheCpuShareNone) {
  EXPECT_FALSE(FindSharedDevice({{"a", ""}, {"a", ""}, {"a", "1"}}));
}

}  // namespace
}  // namespace hearth
