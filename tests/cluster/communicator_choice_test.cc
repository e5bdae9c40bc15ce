#include "cluster/communicator_choice.h"

#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/counting_communicator.h"
#include "cluster/nccl_library.h"
#include "cluster/self_communicator.h"
#include "cluster/thread_communicator.h"
#include "common/error.h"
#include "tests/tools/message_of.h"

namespace hearth {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

const std::vector<RankDevice> kOwnGpus = {{"ada", "GPU-1"}, {"ada", "GPU-2"}, {"bob", "GPU-3"}};
const std::vector<RankDevice> kOneOnCpu = {{"ada", "GPU-1"}, {"bob", ""}, {"cyd", "GPU-3"}};
const std::vector<RankDevice> kSharedGpu = {{"ada", "GPU-1"}, {"bob", "GPU-2"}, {"bob", "GPU-2"}};
const std::vector<RankDevice> kOneRank = {{"ada", "GPU-1"}};

CommunicatorChoice Choose(CommunicatorKind wanted, const std::vector<RankDevice>& ranks,
                          bool nccl_is_built = true) {
  return ChooseCommunicator({wanted, nccl_is_built, ranks});
}

TEST(ChooseCommunicator, AutoTakesNcclWhenEveryRankHasItsOwnGpu) {
  const CommunicatorChoice choice = Choose(CommunicatorKind::kAuto, kOwnGpus);
  EXPECT_TRUE(choice.nccl);
  EXPECT_EQ(choice.reason, "every rank has a GPU of its own");
}

TEST(ChooseCommunicator, AutoStaysOnTheHostAndSaysWhy) {
  const auto reason = [](const std::vector<RankDevice>& ranks, bool nccl_is_built = true) {
    const CommunicatorChoice choice = Choose(CommunicatorKind::kAuto, ranks, nccl_is_built);
    EXPECT_FALSE(choice.nccl);
    return choice.reason;
  };
  EXPECT_EQ(reason(kOneOnCpu), "rank 1 on bob computes on the CPU");
  EXPECT_EQ(reason(kSharedGpu), "ranks 1 and 2 share a GPU of bob");
  EXPECT_EQ(reason(kOneRank), "one rank has no peers");
  EXPECT_EQ(reason(kOneOnCpu, /*nccl_is_built=*/false), "this build has no NCCL");
}

TEST(ChooseCommunicator, MpiIsTakenWhateverTheDevices) {
  for (const auto& ranks : {kOwnGpus, kOneOnCpu, kSharedGpu, kOneRank}) {
    const CommunicatorChoice choice = Choose(CommunicatorKind::kMpi, ranks);
    EXPECT_FALSE(choice.nccl);
    EXPECT_EQ(choice.reason, "dist.comm=mpi");
  }
}

TEST(ChooseCommunicator, NcclIsTakenWhereItCanServeAlsoForOneRank) {
  for (const auto& ranks : {kOwnGpus, kOneRank}) {
    EXPECT_TRUE(Choose(CommunicatorKind::kNccl, ranks).nccl);
  }
}

TEST(ChooseCommunicator, NcclThatCannotServeIsAnErrorThatSaysWhatToDo) {
  EXPECT_THAT(MessageOf<ConfigError>([] { Choose(CommunicatorKind::kNccl, kOwnGpus, false); }),
              AllOf(HasSubstr("CPU flavour"), HasSubstr("dist.comm=auto"), HasSubstr("--cuda")));
  EXPECT_THAT(MessageOf<ConfigError>([] { Choose(CommunicatorKind::kNccl, kOneOnCpu); }),
              AllOf(HasSubstr("rank 1 on bob computes on the CPU"), HasSubstr("train.device=cuda"),
                    HasSubstr("dist.comm=auto")));
  EXPECT_THAT(MessageOf<ConfigError>([] { Choose(CommunicatorKind::kNccl, kSharedGpu); }),
              AllOf(HasSubstr("rank 1 on bob and rank 2 on bob"), HasSubstr("GPU-2"),
                    HasSubstr("dist.comm=mpi")));
}

TEST(MakeChosenCommunicator, KeepsTheHostsOnTheCpu) {
  for (const CommunicatorKind wanted : {CommunicatorKind::kAuto, CommunicatorKind::kMpi}) {
    const ChosenCommunicator alone =
        MakeChosenCommunicator(std::make_unique<SelfCommunicator>(), {.wanted = wanted});
    EXPECT_EQ(alone.communicator->name(), "self");
    EXPECT_NE(alone.reason, "");
    RunOnThreads(3, [&](Communicator& host) {
      const ChosenCommunicator chosen =
          MakeChosenCommunicator(std::make_unique<CountingCommunicator>(host), {.wanted = wanted});
      EXPECT_EQ(chosen.communicator->name(), "thread");
    });
  }
}

TEST(MakeChosenCommunicator, NcclOnTheCpuIsRefusedOnAllRanks) {
  const std::string message = MessageOf<ConfigError>([] {
    RunOnThreads(2, [](Communicator& host) {
      MakeChosenCommunicator(std::make_unique<CountingCommunicator>(host),
                             {.wanted = CommunicatorKind::kNccl});
    });
  });
  EXPECT_THAT(message, HasSubstr("dist.comm=nccl, but"));
}

TEST(MakeChosenCommunicator, RanksThatAskForDifferentOnesAreRefused) {
  const std::string message = MessageOf<ConfigError>([] {
    RunOnThreads(2, [](Communicator& host) {
      MakeChosenCommunicator(
          std::make_unique<CountingCommunicator>(host),
          {.wanted = host.rank() == 1 ? CommunicatorKind::kMpi : CommunicatorKind::kAuto});
    });
  });
  EXPECT_THAT(message, AllOf(HasSubstr("dist.comm"), HasSubstr("auto"), HasSubstr("mpi")));
}

}  // namespace
}  // namespace hearth
