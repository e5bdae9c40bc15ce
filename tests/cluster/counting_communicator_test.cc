#include "cluster/counting_communicator.h"

#include <chrono>

#include <gtest/gtest.h>

#include "cluster/self_communicator.h"
#include "cluster/thread_communicator.h"
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
    const std::vector<int64_t> part(static_cast<size_t>(rank));
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

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

void Work(double seconds) {
  const Clock::time_point begin = Clock::now();
  while (SecondsSince(begin) < seconds) continue;
}

class SlowBarrier : public SelfCommunicator {
 public:
  void Barrier() override { Work(0.01); }
};

TEST(CountingCommunicator, TimesWhatHappensInsideOperationsAlone) {
  SlowBarrier slow;
  CountingCommunicator counting(slow);
  const Clock::time_point begin = Clock::now();
  Work(0.02);
  EXPECT_EQ(counting.seconds(), 0.0);
  counting.Barrier();
  counting.Barrier();
  EXPECT_GE(counting.seconds(), 0.02);
  EXPECT_LE(counting.seconds(), SecondsSince(begin) - 0.02);
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
