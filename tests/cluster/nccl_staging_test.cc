#include "cluster/nccl_staging.h"

#include <algorithm>
#include <memory>

#include <gtest/gtest.h>

#include "tests/cluster/fake_nccl.h"

namespace hearth {
namespace {

class NcclStagingTest : public ::testing::Test {
 protected:
  testing::FakeNccl api_{std::make_shared<testing::FakeFabric>(1), 0};
  const testing::NcclLedger& ledger_ = *api_.ledger();
};

TEST_F(NcclStagingTest, MemoryIsMadeOnceForSizesThatFit) {
  {
    NcclStaging staging(api_);
    EXPECT_EQ(staging.device(), nullptr);
    EXPECT_TRUE(staging.Reserve(0).done());
    EXPECT_EQ(ledger_.blocks_made, 0);
    for (const int64_t size : {5000, 8000, 1, 8192}) EXPECT_TRUE(staging.Reserve(size).done());
    EXPECT_EQ(ledger_.blocks_made, 2);
    EXPECT_TRUE(staging.Reserve(8193).done());
    EXPECT_EQ(ledger_.blocks_made, 4);
    EXPECT_EQ(ledger_.blocks_freed, 2);
    EXPECT_TRUE(api_.IsDeviceMemory(staging.device()));
    EXPECT_FALSE(api_.IsDeviceMemory(staging.pinned()));
  }
  EXPECT_EQ(ledger_.blocks_freed, 4);
}

TEST_F(NcclStagingTest, CopiesTheNamedBytesAndNoOthers) {
  NcclStaging staging(api_);
  ASSERT_TRUE(staging.Reserve(100).done());
  std::fill_n(staging.pinned(), 100, uint8_t{1});
  std::fill_n(staging.device(), 100, uint8_t{2});
  EXPECT_TRUE(staging.Upload(10, 20).done());
  EXPECT_TRUE(staging.Download(30, 40).done());
  EXPECT_TRUE(staging.Upload(50, 50).done());
  EXPECT_TRUE(api_.QueryStream().done());
  EXPECT_EQ(ledger_.copies, 2);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(staging.device()[i], i >= 10 && i < 20 ? 1 : 2) << i;
    EXPECT_EQ(staging.pinned()[i], i >= 30 && i < 40 ? 2 : 1) << i;
  }
}

TEST_F(NcclStagingTest, FailureLeavesNothingBehind) {
  {
    NcclStaging staging(api_);
    api_.behaviour().memory_failure = "out of memory";
    EXPECT_EQ(staging.Reserve(100).text(), "out of memory");
    api_.behaviour().memory_failure = "";
    EXPECT_TRUE(staging.Reserve(100).done());
  }
  EXPECT_EQ(ledger_.blocks_made, ledger_.blocks_freed);
}

TEST_F(NcclStagingTest, AbandonedMemoryIsNotFreed) {
  {
    NcclStaging staging(api_);
    ASSERT_TRUE(staging.Reserve(100).done());
    staging.Abandon();
  }
  EXPECT_EQ(ledger_.blocks_freed, 0);
}

}  // namespace
}  // namespace hearth
