#include <gtest/gtest.h>

#include "cluster/exact_sum.h"
#include "cluster/mpi_communicator.h"
#include "cluster/self_communicator.h"
#include "tests/cluster/exact_sum_checks.h"

namespace hearth {
namespace {

constexpr int64_t kChunks = 24;

TEST(ExactSumOnMpi, AnyNumberOfRanksGivesTheBitsOfOneProcess) {
  const auto communicator = MakeMpiCommunicator();
  SelfCommunicator self;
  for (const int64_t length : {1, 20000}) {
    EXPECT_TRUE(testing::SumOfChunks<float>(*communicator, kChunks, length, ReduceMode::kExact) ==
                testing::SumOfChunks<float>(self, kChunks, length, ReduceMode::kExact))
        << length;
  }
  EXPECT_TRUE(testing::SumOfChunks<double>(*communicator, kChunks, 1000, ReduceMode::kExact) ==
              testing::SumOfChunks<double>(self, kChunks, 1000, ReduceMode::kExact));
}

TEST(ExactSumOnMpi, RowsOnAnyNumberOfRanksGiveTheBitsOfOneProcess) {
  const auto communicator = MakeMpiCommunicator();
  SelfCommunicator self;
  const auto here = testing::SumOfRows<float>(*communicator, kChunks, 5, ReduceMode::kExact);
  const auto alone = testing::SumOfRows<float>(self, kChunks, 5, ReduceMode::kExact);
  EXPECT_TRUE(here.ids == alone.ids);
  EXPECT_TRUE(here.rows == alone.rows);
}

}  // namespace
}  // namespace hearth
