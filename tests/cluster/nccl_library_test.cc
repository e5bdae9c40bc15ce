#include "cluster/nccl_library.h"

#include <chrono>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/nccl_communicator.h"
#include "cluster/self_communicator.h"
#include "common/error.h"
#include "tests/cluster/communicator_checks.h"

namespace hearth {
namespace {

TEST(NcclLibrary, WithoutItTheErrorSaysHowToGetItAndHowToDoWithout) {
  if (NcclIsBuilt()) GTEST_SKIP() << "this build has NCCL";
  try {
    MakeNcclLibrary(0);
    FAIL() << "made";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), ::testing::AllOf(::testing::HasSubstr("launch/setup --cuda"),
                                               ::testing::HasSubstr("dist.comm=mpi")));
  }
}

TEST(NcclLibrary, DeviceThatIsNotThereIsRefused) {
  if (!NcclIsBuilt()) GTEST_SKIP() << "this build has no NCCL";
  for (const int device : {-1, 4096}) {
    try {
      MakeNcclLibrary(device);
      FAIL() << "made";
    } catch (const ConfigError& error) {
      EXPECT_THAT(error.what(), ::testing::HasSubstr(fmt::format("cuda:{}", device)));
    }
  }
}

// Opens the library on the first GPU. Returns null without a GPU.
std::unique_ptr<NcclApi> LibraryOrNull() {
  try {
    return MakeNcclLibrary(0);
  } catch (const ConfigError&) {
    return nullptr;
  }
}

void Poll(const std::function<NcclStatus()>& query) {
  PollWait wait(/*limit_sec=*/60);
  while (true) {
    const NcclStatus status = query();
    ASSERT_FALSE(status.failed()) << status.text();
    if (status.done()) return;
    ASSERT_TRUE(wait.Continue());
  }
}

TEST(NcclLibrary, OnAGpuOneRankGivesWhatTheFormulaSays) {
  auto api = LibraryOrNull();
  if (api == nullptr) GTEST_SKIP() << "no GPU";
  for (const int64_t staging_bytes : {int64_t{64} << 20, int64_t{30'000}}) {
    const auto nccl =
        MakeNcclCommunicator(std::make_unique<SelfCommunicator>(), MakeNcclLibrary(0),
                             {.base = {.deadline_sec = 60}, .staging_bytes = staging_bytes});
    testing::CheckAllTypes(*nccl);
    testing::CheckTextGather(*nccl);
  }
}

// A rank sends to itself through both kinds of memory, the building blocks of exchanges.
TEST(NcclLibrary, OnAGpuMessagesArriveInOrderWithTheCopiesAroundThem) {
  const auto api = LibraryOrNull();
  if (api == nullptr) GTEST_SKIP() << "no GPU";
  std::string uuid;
  ASSERT_TRUE(api->GetDeviceUuid(&uuid).done());
  EXPECT_THAT(uuid,
              ::testing::MatchesRegex("GPU-[0-9a-f]+-[0-9a-f]+-[0-9a-f]+-[0-9a-f]+-[0-9a-f]+"));
  NcclApi::UniqueId id;
  ASSERT_TRUE(api->GetUniqueId(&id).done());
  NcclApi::Comm* comm = nullptr;
  ASSERT_FALSE(api->InitRank(id, 1, 0, &comm).failed());
  Poll([&] { return api->GetAsyncError(comm); });

  constexpr int64_t kSizeBytes = 1 << 20;
  void *pinned = nullptr, *device = nullptr;
  ASSERT_TRUE(api->AllocatePinned(2 * kSizeBytes, &pinned).done());
  ASSERT_TRUE(api->AllocateDevice(2 * kSizeBytes, &device).done());
  EXPECT_TRUE(api->IsDeviceMemory(device));
  EXPECT_FALSE(api->IsDeviceMemory(pinned));
  EXPECT_FALSE(api->IsDeviceMemory(&id));
  auto* const host = static_cast<uint8_t*>(pinned);
  auto* const gpu = static_cast<uint8_t*>(device);
  for (int64_t i = 0; i < kSizeBytes; ++i) host[i] = testing::ValueOf<uint8_t>(3, i);
  ASSERT_TRUE(api->WaitForDefaultStream().done());
  ASSERT_TRUE(api->Copy(gpu, host, kSizeBytes).done());
  ASSERT_TRUE(api->GroupStart().done());
  ASSERT_FALSE(api->Send(gpu, kSizeBytes, 0, comm).failed());
  ASSERT_FALSE(api->Receive(gpu + kSizeBytes, kSizeBytes, 0, comm).failed());
  ASSERT_FALSE(api->GroupEnd().failed());
  Poll([&] { return api->GetAsyncError(comm); });
  ASSERT_TRUE(api->Copy(host + kSizeBytes, gpu + kSizeBytes, kSizeBytes).done());
  Poll([&] { return api->QueryStream(); });
  EXPECT_TRUE(std::equal(host, host + kSizeBytes, host + kSizeBytes));

  EXPECT_TRUE(api->FreeDevice(device).done());
  EXPECT_TRUE(api->FreePinned(pinned).done());
  ASSERT_FALSE(api->Finalize(comm).failed());
  Poll([&] { return api->GetAsyncError(comm); });
  EXPECT_FALSE(api->Destroy(comm).failed());
}

}  // namespace
}  // namespace hearth
