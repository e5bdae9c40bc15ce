#include "cluster/nccl_communicator.h"

#include <atomic>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/counting_communicator.h"
#include "cluster/self_communicator.h"
#include "cluster/thread_communicator.h"
#include "common/error.h"
#include "common/host_name.h"
#include "tests/cluster/communicator_checks.h"
#include "tests/cluster/fake_nccl.h"

namespace hearth {
namespace {

using ::testing::AllOf;
using testing::FakeFabric;
using testing::FakeNccl;
using ::testing::HasSubstr;
using testing::NcclBehaviour;
using testing::NcclLedger;
using ::testing::Not;

constexpr double kDeadlineSec = 600;

std::string UuidOf(int rank) { return fmt::format("GPU-{}", rank); }

void ExpectNothingLeft(const NcclLedger& ledger) {
  EXPECT_EQ(ledger.comms_made, ledger.comms_destroyed + ledger.comms_aborted);
  EXPECT_EQ(ledger.blocks_made, ledger.blocks_freed);
  EXPECT_EQ(ledger.groups_open, 0);
}

std::string CommErrorOf(const std::function<void()>& action) {
  try {
    action();
  } catch (const CommError& error) {
    return error.what();
  }
  return "no error";
}

// Runs `body` on all ranks over a fake NCCL, and expects a clean end of each rank.
void RunOnNccl(int world_size, NcclBehaviour behaviour, const NcclCommunicatorOptions& options,
               const std::function<void(Communicator&, FakeNccl&)>& body) {
  const auto fabric = std::make_shared<FakeFabric>(world_size);
  RunOnThreads(world_size, [&](Communicator& host) {
    NcclBehaviour own = behaviour;
    own.uuid = UuidOf(host.rank());
    auto fake = std::make_unique<FakeNccl>(fabric, host.rank(), own);
    const auto ledger = fake->ledger();
    {
      FakeNccl& api = *fake;
      const auto nccl = MakeNcclCommunicator(std::make_unique<CountingCommunicator>(host),
                                             std::move(fake), options);
      EXPECT_EQ(nccl->rank(), host.rank());
      EXPECT_EQ(nccl->world_size(), world_size);
      EXPECT_EQ(nccl->name(), "nccl");
      body(*nccl, api);
    }
    EXPECT_EQ(ledger->comms_made, 1);
    EXPECT_EQ(ledger->comms_destroyed, 1);
    ExpectNothingLeft(*ledger);
  });
}

void RunOnNccl(int world_size, const std::function<void(Communicator&, FakeNccl&)>& body) {
  RunOnNccl(world_size, {}, {}, body);
}

class NcclWorld : public ::testing::TestWithParam<int> {};

TEST_P(NcclWorld, AllOperationsGiveWhatTheFormulaSays) {
  RunOnNccl(GetParam(), [](Communicator& nccl, FakeNccl&) {
    testing::CheckAllTypes(nccl);
    testing::CheckTextGather(nccl);
  });
}

TEST_P(NcclWorld, WaitsForOperationsThatAreLaunchedLater) {
  RunOnNccl(GetParam(), {.polls_to_join = 3, .polls_to_launch = 2}, {},
            [](Communicator& nccl, FakeNccl&) { testing::CheckAllOperations<int32_t>(nccl); });
}

TEST_P(NcclWorld, LongDataGoesInPiecesThroughBoundedMemory) {
  constexpr int64_t kStagingBytes = 30'000;
  RunOnNccl(GetParam(), {}, {.staging_bytes = kStagingBytes},
            [](Communicator& nccl, FakeNccl& api) {
              testing::CheckAllTypes(nccl);
              EXPECT_LE(api.ledger()->longest_block_bytes,
                        1 << 16);  // twice the limit, to a power of two
            });
}

TEST_P(NcclWorld, FewBytesOfStagingAreEnough) {
  RunOnNccl(GetParam(), {}, {.staging_bytes = 17}, [](Communicator& nccl, FakeNccl&) {
    std::vector<double> data = testing::ValuesOf<double>(nccl.rank(), 5);
    nccl.AllReduce(std::span(data), ReduceOp::kSum);
    for (int64_t i = 0; i < 5; ++i) {
      EXPECT_EQ(data[i], testing::Expected<double>(nccl.world_size(), i, ReduceOp::kSum));
    }
    testing::CheckTextGather(nccl);
  });
}

TEST_P(NcclWorld, FloatSumsAreEqualOnAllRanks) {
  RunOnNccl(GetParam(),
            [](Communicator& nccl, FakeNccl&) { testing::CheckFloatSumsAreEqualOnAllRanks(nccl); });
}

TEST_P(NcclWorld, NobodyPassesABarrierBeforeAllHaveCome) {
  std::atomic<int> arrived = 0;
  RunOnNccl(GetParam(), [&](Communicator& nccl, FakeNccl&) {
    for (int round = 1; round <= 3; ++round) {
      ++arrived;
      nccl.Barrier();
      EXPECT_GE(arrived, round * nccl.world_size());
      nccl.Barrier();
    }
  });
}

// The device memory of a rank, filled with ValuesOf.
class DeviceArray {
 public:
  DeviceArray(FakeNccl& api, int rank, int64_t count) : api_(api) {
    void* memory = nullptr;
    EXPECT_TRUE(api_.AllocateDevice(count * int64_t{4}, &memory).done());
    data_ = std::span(static_cast<int32_t*>(memory), count);
    const std::vector<int32_t> values = testing::ValuesOf<int32_t>(rank, count);
    std::copy(values.begin(), values.end(), data_.begin());
  }
  ~DeviceArray() { EXPECT_TRUE(api_.FreeDevice(data_.data()).done()); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  std::span<int32_t> data() const { return data_; }
  std::span<uint8_t> bytes() const {
    return {reinterpret_cast<uint8_t*>(data_.data()), data_.size_bytes()};
  }

 private:
  FakeNccl& api_;
  std::span<int32_t> data_;
};

TEST_P(NcclWorld, DeviceMemoryGoesToNcclAsItIs) {
  RunOnNccl(GetParam(), [](Communicator& nccl, FakeNccl& api) {
    const DeviceArray array(api, nccl.rank(), 100);
    nccl.AllReduce(array.data(), ReduceOp::kMax);
    for (int64_t i = 0; i < 100; ++i) {
      EXPECT_EQ(array.data()[i], testing::Expected<int32_t>(nccl.world_size(), i, ReduceOp::kMax));
    }
    EXPECT_EQ(api.ledger()->waits_for_default_stream, 1);
    EXPECT_EQ(api.ledger()->copies, 0);
    EXPECT_EQ(api.ledger()->blocks_made, 1) << "no staging memory";
  });
}

TEST_P(NcclWorld, ExchangesReadDeviceMemory) {
  RunOnNccl(GetParam(), {}, {.staging_bytes = 256}, [](Communicator& nccl, FakeNccl& api) {
    const int64_t count = 10 * nccl.rank();  // rank 0 has none
    const DeviceArray array(api, nccl.rank(), std::max<int64_t>(count, 1));
    const auto own = array.data().first(count);
    std::vector<int32_t> expected;
    for (int rank = 0; rank < nccl.world_size(); ++rank) {
      const auto part = testing::ValuesOf<int32_t>(rank, 10 * rank);
      expected.insert(expected.end(), part.begin(), part.end());
    }
    EXPECT_EQ(nccl.AllGather<int32_t>(own), expected);
    EXPECT_GE(api.ledger()->waits_for_default_stream, 1);

    // The last rank gets all of everybody.
    std::vector<int64_t> counts(nccl.world_size());
    counts.back() = count;
    const bool is_last = nccl.rank() + 1 == nccl.world_size();
    EXPECT_EQ(nccl.AllToAll<int32_t>(own, counts), is_last ? expected : std::vector<int32_t>());
  });
}

// Opens the protected interface of Communicator: results in memory of the caller's choice.
class OpenCommunicator : public CountingCommunicator {
 public:
  using CountingCommunicator::AllGatherBytes;
  using CountingCommunicator::CountingCommunicator;
};

TEST_P(NcclWorld, ExchangesWriteDeviceMemory) {
  RunOnNccl(GetParam(), {}, {.staging_bytes = 256}, [](Communicator& nccl, FakeNccl& api) {
    constexpr int64_t kCount = 30;
    const DeviceArray result(api, /*rank=*/0, kCount * nccl.world_size());
    const auto own = testing::ValuesOf<uint8_t>(nccl.rank(), 4 * kCount);
    OpenCommunicator(nccl).AllGatherBytes(own, [&](int64_t size_bytes) {
      EXPECT_EQ(size_bytes, std::ssize(result.bytes()));
      return result.bytes().data();
    });
    for (int rank = 0; rank < nccl.world_size(); ++rank) {
      const auto part = result.bytes().subspan(rank * 4 * kCount, 4 * kCount);
      EXPECT_TRUE(std::equal(part.begin(), part.end(),
                             testing::ValuesOf<uint8_t>(rank, 4 * kCount).begin()));
    }
  });
}

INSTANTIATE_TEST_SUITE_P(WorldSizes, NcclWorld, ::testing::Values(1, 2, 3, 5));

TEST(NcclCommunicator, TwoRanksOnOneDeviceAreRefusedByAllNamingBoth) {
  const auto fabric = std::make_shared<FakeFabric>(3);
  std::atomic<int> refusals = 0;
  RunOnThreads(3, [&](Communicator& host) {
    const std::string uuid = host.rank() == 1 ? "GPU-other" : "GPU-shared";
    auto fake = std::make_unique<FakeNccl>(fabric, host.rank(), NcclBehaviour{.uuid = uuid});
    const auto ledger = fake->ledger();
    const std::string message = CommErrorOf([&] {
      MakeNcclCommunicator(std::make_unique<CountingCommunicator>(host), std::move(fake));
    });
    EXPECT_THAT(message, AllOf(HasSubstr("rank 0 on " + HostName()),
                               HasSubstr("rank 2 on " + HostName()), HasSubstr("GPU-shared"),
                               HasSubstr("dist.comm=mpi"), Not(HasSubstr("rank 1"))));
    EXPECT_EQ(ledger->comms_made, 0);
    ExpectNothingLeft(*ledger);
    ++refusals;
  });
  EXPECT_EQ(refusals, 3);
}

// A single rank with an NCCL of the given behaviour and a clock that makes waits short.
class OneRank {
 public:
  explicit OneRank(NcclBehaviour behaviour = {}) {
    auto fake = std::make_unique<FakeNccl>(std::make_shared<FakeFabric>(1), 0, behaviour);
    api_ = fake.get();
    ledger_ = fake->ledger();
    set_up_error_ = CommErrorOf([&] {
      nccl_ = MakeNcclCommunicator(std::make_unique<SelfCommunicator>(), std::move(fake),
                                   {.base = {.deadline_sec = kDeadlineSec}, .clock = &clock_});
    });
  }

  Communicator& nccl() { return *nccl_; }
  NcclBehaviour& behaviour() { return api_->behaviour(); }
  const NcclLedger& ledger() const { return *ledger_; }
  const std::string& set_up_error() const { return set_up_error_; }
  double NowSec() const { return clock_.now_sec(); }

  void AllReduce() {
    std::vector<float> data(100);
    nccl_->AllReduce(std::span(data), ReduceOp::kSum);
  }
  void AllGather() { nccl_->AllGather<uint8_t>(std::vector<uint8_t>(10)); }
  void Destroy() { nccl_.reset(); }

 private:
  const PollClock clock_ = testing::TickingClock(/*step_sec=*/1.0);
  std::unique_ptr<Communicator> nccl_;
  FakeNccl* api_ = nullptr;
  std::shared_ptr<const NcclLedger> ledger_;
  std::string set_up_error_;
};

TEST(NcclSetUp, EndsWithinTheDeadlineWhenTheOthersDoNotCome) {
  OneRank rank({.never_joins = true});
  EXPECT_THAT(rank.set_up_error(), AllOf(HasSubstr("NCCL set-up: rank 0 of 1 waited 600 s"),
                                         HasSubstr("dist.comm=mpi")));
  EXPECT_LE(rank.NowSec(), kDeadlineSec + 10);
  EXPECT_EQ(rank.ledger().comms_aborted, 1);
  ExpectNothingLeft(rank.ledger());
}

TEST(NcclSetUp, EveryFailureIsACommErrorInNcclsOwnWords) {
  const std::string text = "unhandled system error";
  for (const NcclBehaviour& behaviour :
       {NcclBehaviour{.uuid_failure = text}, NcclBehaviour{.id_failure = text},
        NcclBehaviour{.init_failure = text}, NcclBehaviour{.async_failure = text}}) {
    const OneRank rank(behaviour);
    EXPECT_THAT(rank.set_up_error(), AllOf(HasSubstr("NCCL set-up: rank 0 of 1"), HasSubstr(text)));
    ExpectNothingLeft(rank.ledger());
    EXPECT_EQ(rank.ledger().comms_aborted, rank.ledger().comms_made);
  }
}

TEST(NcclFailure, OperationThatNeverEndsIsAbortedAtTheDeadline) {
  OneRank rank;
  rank.behaviour().device_is_stuck = true;
  const double begin = rank.NowSec();
  EXPECT_THAT(CommErrorOf([&] { rank.AllReduce(); }),
              HasSubstr("AllReduce: rank 0 of 1 waited 600 s for the others"));
  EXPECT_LE(rank.NowSec() - begin, kDeadlineSec + 10);
  EXPECT_EQ(rank.ledger().comms_aborted, 1);
  rank.Destroy();
  ExpectNothingLeft(rank.ledger());
}

TEST(NcclFailure, OperationThatIsNeverLaunchedIsAbortedAtTheDeadline) {
  OneRank rank;
  rank.behaviour().never_launches = true;
  EXPECT_THAT(CommErrorOf([&] { rank.nccl().Barrier(); }),
              HasSubstr("Barrier: rank 0 of 1 waited 600 s for the others"));
  EXPECT_EQ(rank.ledger().comms_aborted, 1);
  rank.Destroy();
  ExpectNothingLeft(rank.ledger());
}

TEST(NcclFailure, LostPeerIsReportedInNcclsOwnWordsBeforeTheDeadline) {
  OneRank rank;
  rank.behaviour().device_is_stuck = true;
  rank.behaviour().async_failure = "remote process exited or there was a network error";
  EXPECT_THAT(CommErrorOf([&] { rank.AllReduce(); }),
              AllOf(HasSubstr("AllReduce: rank 0 of 1 after "),
                    HasSubstr("remote process exited or there was a network error"),
                    Not(HasSubstr("600"))));
  EXPECT_EQ(rank.ledger().comms_aborted, 1);
  rank.Destroy();
  ExpectNothingLeft(rank.ledger());
}

TEST(NcclFailure, EveryCallThatFailsEndsTheOperation) {
  const std::string text = "out of something";
  for (const auto failure : {&NcclBehaviour::launch_failure, &NcclBehaviour::copy_failure,
                             &NcclBehaviour::stream_failure, &NcclBehaviour::memory_failure}) {
    OneRank rank;
    rank.behaviour().*failure = text;
    EXPECT_THAT(CommErrorOf([&] { rank.AllReduce(); }), HasSubstr(text));
    EXPECT_EQ(rank.ledger().comms_aborted, 1);
    rank.Destroy();
    ExpectNothingLeft(rank.ledger());
  }
}

TEST(NcclFailure, AfterwardsEveryOperationIsRefusedAndNothingIsAbortedTwice) {
  OneRank rank;
  rank.behaviour().device_is_stuck = true;
  CommErrorOf([&] { rank.AllReduce(); });
  uint8_t byte = 0;
  const std::vector<int64_t> counts = {1};
  const std::vector<std::function<void()>> operations = {
      [&] { rank.AllReduce(); }, [&] { rank.nccl().Broadcast(std::span(&byte, 1), 0); },
      [&] { rank.AllGather(); },
      [&] { rank.nccl().AllToAll<uint8_t>(std::span<const uint8_t>(&byte, 1), counts); },
      [&] { rank.nccl().Barrier(); }};
  for (const auto& operation : operations) {
    EXPECT_THAT(CommErrorOf(operation),
                AllOf(HasSubstr("given up"), HasSubstr("AllReduce: rank 0 of 1 waited 600 s")));
  }
  rank.Destroy();
  EXPECT_EQ(rank.ledger().comms_aborted, 1);
}

TEST(NcclFailure, FailureWithinAGroupClosesTheGroup) {
  const auto fabric = std::make_shared<FakeFabric>(2);
  RunOnThreads(2, [&](Communicator& host) {
    auto fake =
        std::make_unique<FakeNccl>(fabric, host.rank(), NcclBehaviour{.uuid = UuidOf(host.rank())});
    FakeNccl& api = *fake;
    const auto ledger = fake->ledger();
    const auto nccl =
        MakeNcclCommunicator(std::make_unique<CountingCommunicator>(host), std::move(fake));
    api.behaviour().launch_failure = "invalid usage";
    EXPECT_THAT(CommErrorOf([&] { nccl->AllGather<uint8_t>(std::vector<uint8_t>(10)); }),
                HasSubstr("AllGather: rank"));
    EXPECT_EQ(ledger->groups_open, 0);
    EXPECT_EQ(ledger->comms_aborted, 1);
  });
}

TEST(NcclFailure, RankThatMissesAnExchangeEndsItForTheOthers) {
  const auto fabric = std::make_shared<FakeFabric>(2);
  RunOnThreads(
      2,
      [&](Communicator& host) {
        auto fake = std::make_unique<FakeNccl>(fabric, host.rank(),
                                               NcclBehaviour{.uuid = UuidOf(host.rank())});
        const auto ledger = fake->ledger();
        const auto nccl =
            MakeNcclCommunicator(std::make_unique<CountingCommunicator>(host), std::move(fake));
        if (host.rank() == 1) return;
        EXPECT_THAT(CommErrorOf([&] { nccl->AllGather<uint8_t>(std::vector<uint8_t>(10)); }),
                    HasSubstr("rank 0 of 2 waited 0.2 s"));
        EXPECT_EQ(ledger->comms_aborted, 1);
        EXPECT_THAT(CommErrorOf([&] { nccl->Barrier(); }), HasSubstr("given up"));
      },
      {.deadline_sec = 0.2});
}

TEST(NcclEnd, RankThatLeavesByAnExceptionDoesNotWaitForTheOthers) {
  auto fake = std::make_unique<FakeNccl>(std::make_shared<FakeFabric>(1), 0);
  const auto ledger = fake->ledger();
  EXPECT_THROW(
      {
        const auto nccl =
            MakeNcclCommunicator(std::make_unique<SelfCommunicator>(), std::move(fake));
        throw std::runtime_error("something else");
      },
      std::runtime_error);
  EXPECT_EQ(ledger->comms_aborted, 1);
  EXPECT_EQ(ledger->comms_destroyed, 0);
  ExpectNothingLeft(*ledger);
}

TEST(NcclEnd, PartingThatNeverEndsIsAbortedAtTheDeadline) {
  OneRank rank({.never_parts = true});
  rank.AllReduce();
  const double begin = rank.NowSec();
  rank.Destroy();
  EXPECT_LE(rank.NowSec() - begin, kDeadlineSec + 10);
  EXPECT_EQ(rank.ledger().comms_aborted, 1);
  ExpectNothingLeft(rank.ledger());
}

TEST(NcclEnd, MemoryThatAStuckDeviceMayUseIsNotFreed) {
  OneRank rank;
  rank.behaviour().device_is_stuck = true;
  rank.behaviour().abort_helps = false;
  CommErrorOf([&] { rank.AllReduce(); });
  rank.Destroy();
  EXPECT_EQ(rank.ledger().blocks_made, 2);
  EXPECT_EQ(rank.ledger().blocks_freed, 0);
}

}  // namespace
}  // namespace hearth
