#include <gtest/gtest.h>

#include "cluster/chunk_sums.h"
#include "cluster/mpi_communicator.h"
#include "cluster/self_communicator.h"
#include "tests/cluster/chunk_sums_checks.h"

namespace hearth {
namespace {

TEST(ChunkSumsOnMpi, AnyNumberOfRanksGivesTheBitsOfOneProcess) {
  const auto communicator = MakeMpiCommunicator();
  SelfCommunicator self;
  for (const int64_t length : {1, 20000}) {
    for (const bool sharded : {false, true}) {
      const testing::SumCase sum = {.length = length, .sharded = sharded};
      EXPECT_TRUE(testing::SumOfChunks<float>(*communicator, sum) ==
                  testing::SumOfChunks<float>(self, sum))
          << length;
      EXPECT_TRUE(testing::SumOfChunks<double>(*communicator, sum) ==
                  testing::SumOfChunks<double>(self, sum))
          << length;
    }
  }
}

}  // namespace
}  // namespace hearth
