#include "cluster/counting_communicator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/self_communicator.h"
#include "cluster/thread_communicator.h"
#include "common/clock.h"
#include "tests/cluster/communicator_checks.h"

namespace hearth {
namespace {

TEST(CountingCommunicator, LeavesEveryOperationAsItIs) {
  RunOnThreads(3, [](Communicator& inner) {
    CountingCommunicator counting(inner);
    EXPECT_EQ(counting.name(), "thread");
    testing::CheckAllTypes(counting);
    testing::CheckTextGather(counting);
  });
}

TEST(CountingCommunicator, CountsWhatGoesToAndComesFromOtherRanks) {
  RunOnThreads(3, [](Communicator& inner) {
    CountingCommunicator counting(inner);
    const int rank = inner.rank();
    std::vector<float> sum(10);
    counting.AllReduce(std::span(sum), ReduceOp::kSum);
    counting.AllReduce(std::span(sum), ReduceOp::kSum);
    counting.Broadcast(std::span(sum), 1);
    const std::vector<int64_t> part(rank);
    counting.AllGather<int64_t>(part);
    const std::vector<int64_t> rows(6), send_counts = {1, 2, 3};
    counting.AllToAll<int64_t>(rows, send_counts);
    counting.Barrier();

    EXPECT_EQ(counting.all_reduce(), (OperationCount{2, 80, 80}));
    EXPECT_EQ(counting.broadcast(),
              (rank == 1 ? OperationCount{1, 40, 0} : OperationCount{1, 0, 40}));
    EXPECT_EQ(counting.all_gather(), (OperationCount{1, 8 * rank, 8 * (3 - rank)}));
    EXPECT_EQ(counting.all_to_all(), (OperationCount{1, 8 * (5 - rank), 8 * 2 * (rank + 1)}));
    EXPECT_EQ(counting.barrier(), (OperationCount{1, 0, 0}));

    EXPECT_EQ(counting.total().calls, 6);
    EXPECT_EQ(counting.total().sent_bytes, 80 + (rank == 1 ? 40 : 0) + 8 * rank + 8 * (5 - rank));

    counting.Clear();
    EXPECT_EQ(counting.all_to_all(), OperationCount{});
    EXPECT_EQ(counting.total(), OperationCount{});
  });
}

// Accepts, like MPI, any data that fits the sizes the other ranks gave.
class Credulous : public Communicator {
 public:
  explicit Credulous(Communicator& inner) : inner_(inner) {}
  int rank() const override { return inner_.rank(); }
  int world_size() const override { return inner_.world_size(); }
  std::string name() const override { return "credulous"; }
  void Barrier() override { inner_.Barrier(); }

 protected:
  void AllReduceElements(void* data, int64_t count, ElementType type, ReduceOp) override {
    EXPECT_EQ(SizeBytesOf(type), 8);
    inner_.AllReduce(std::span(static_cast<int64_t*>(data), count), ReduceOp::kMax);
  }
  void BroadcastBytes(std::span<uint8_t> data, int root) override { inner_.Broadcast(data, root); }
  std::vector<int64_t> AllGatherBytes(std::span<const uint8_t> data,
                                      const Allocate& allocate) override {
    std::vector<int64_t> counts;
    const std::vector<uint8_t> all = inner_.AllGather(data, &counts);
    std::ranges::copy(all, allocate(std::ssize(all)));
    return counts;
  }
  std::vector<int64_t> AllToAllBytes(std::span<const uint8_t>, std::span<const int64_t>,
                                     const Allocate&) override {
    ADD_FAILURE();
    return {};
  }

 private:
  Communicator& inner_;
};

TEST(CountingCommunicator, FindsRanksThatMadeOtherCallsOfTheSameSize) {
  RunOnThreads(4, [](Communicator& threads) {
    Credulous inner(threads);
    CountingCommunicator counting(inner);
    std::vector<int64_t> data(3);
    counting.AllReduce(std::span(data), ReduceOp::kSum);
    counting.AllGather<int64_t>(std::vector<int64_t>(inner.rank()));
    EXPECT_THAT(RanksWithRareCalls(counting), ::testing::IsEmpty());
    counting.Broadcast(std::span(data), 1);
    EXPECT_THAT(RanksWithRareCalls(counting), ::testing::IsEmpty());
    std::vector<double> other(3);
    if (inner.rank() == 2) {
      counting.AllReduce(std::span(other), ReduceOp::kMax);
    } else {
      counting.AllReduce(std::span(data), ReduceOp::kMax);
    }
    EXPECT_THAT(RanksWithRareCalls(counting), ::testing::ElementsAre(2));
    counting.Clear();
    EXPECT_THAT(RanksWithRareCalls(counting), ::testing::ElementsAre(2));
  });
}

void Work(double seconds) {
  const double begin = SteadyNowSec();
  while (SteadyNowSec() - begin < seconds) continue;
}

class SlowBarrier : public SelfCommunicator {
 public:
  void Barrier() override { Work(0.01); }
};

TEST(CountingCommunicator, TimesWhatHappensInsideOperationsAlone) {
  SlowBarrier slow;
  CountingCommunicator counting(slow);
  const double begin = SteadyNowSec();
  Work(0.02);
  EXPECT_EQ(counting.seconds(), 0.0);
  counting.Barrier();
  counting.Barrier();
  EXPECT_GE(counting.seconds(), 0.02);
  EXPECT_LE(counting.seconds(), SteadyNowSec() - begin - 0.02);
  counting.Clear();
  EXPECT_EQ(counting.seconds(), 0.0);
}

TEST(CountingCommunicator, CountsCallsButNoBytesAtOneRank) {
  SelfCommunicator self;
  CountingCommunicator counting(self);
  std::vector<double> data(10);
  counting.AllReduce(std::span(data), ReduceOp::kSum);
  counting.AllGather<double>(data);
  EXPECT_EQ(counting.all_reduce(), (OperationCount{1, 0, 0}));
  EXPECT_EQ(counting.all_gather(), (OperationCount{1, 0, 0}));
}

}  // namespace
}  // namespace hearth
