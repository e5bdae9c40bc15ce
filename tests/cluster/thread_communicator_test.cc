#include "cluster/thread_communicator.h"

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/error.h"
#include "tests/tools/message_of.h"

namespace hearth {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr CommunicatorOptions kShort{.deadline_sec = 0.05};

TEST(ThreadCommunicator, RankThatNeverArrivesRaisesCommErrorAtTheDeadline) {
  std::atomic<int> errors = 0;
  const auto start = std::chrono::steady_clock::now();
  const std::string message = MessageOf<CommError>([&] {
    RunOnThreads(
        3,
        [&](Communicator& communicator) {
          if (communicator.rank() == 1) return;
          try {
            communicator.Barrier();
          } catch (const CommError&) {
            ++errors;
            throw;
          }
        },
        kShort);
  });
  EXPECT_EQ(errors, 2);
  // Either error may come first: of the rank that waited too long, or of the rank it told.
  EXPECT_THAT(message, AllOf(HasSubstr("Barrier"), HasSubstr("waited 0.05 s")));
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(50));
}

TEST(ThreadCommunicator, StaysUnusableAfterTheDeadline) {
  std::atomic<int> errors = 0;
  RunOnThreads(
      2,
      [&](Communicator& communicator) {
        if (communicator.rank() == 1) return;
        int64_t value = 1;
        for (int attempt = 0; attempt < 2; ++attempt) {
          try {
            communicator.AllReduce(std::span(&value, 1), ReduceOp::kSum);
          } catch (const CommError&) {
            ++errors;
          }
        }
      },
      kShort);
  EXPECT_EQ(errors, 2);
}

TEST(ThreadCommunicator, RankThatThrowsFreesTheOthersAndItsErrorIsTheOneReported) {
  std::atomic<int> comm_errors = 0;
  const std::string message = MessageOf<DataError>([&] {
    RunOnThreads(4, [&](Communicator& communicator) {
      communicator.Barrier();
      if (communicator.rank() == 2) throw DataError("shard 7 is broken");
      try {
        communicator.Barrier();
      } catch (const CommError& error) {
        EXPECT_THAT(error.what(), HasSubstr("rank 2 failed: shard 7 is broken"));
        ++comm_errors;
        throw;
      }
    });
  });
  EXPECT_EQ(message, "shard 7 is broken");
  EXPECT_EQ(comm_errors, 3);
}

TEST(ThreadCommunicator, DifferentOperationsAreRefusedOnAllRanks) {
  std::atomic<int> errors = 0;
  RunOnThreads(3, [&](Communicator& communicator) {
    std::vector<float> data(4);
    const std::string message = MessageOf<CommError>([&] {
      if (communicator.rank() == 2) return communicator.Barrier();
      communicator.AllReduce(std::span(data), ReduceOp::kMax);
    });
    EXPECT_THAT(message, AllOf(HasSubstr("rank 0 called AllReduce(max of 4 float32)"),
                               HasSubstr("rank 2 called Barrier")));
    ++errors;
  });
  EXPECT_EQ(errors, 3);
}

TEST(ThreadCommunicator, DifferentCountsAreRefusedOnAllRanks) {
  RunOnThreads(2, [&](Communicator& communicator) {
    std::vector<int32_t> data(communicator.rank() + 1);
    const std::string message =
        MessageOf<CommError>([&] { communicator.AllReduce(std::span(data), ReduceOp::kSum); });
    EXPECT_THAT(message, AllOf(HasSubstr("sum of 1 int32"), HasSubstr("sum of 2 int32")));
  });
}

TEST(ThreadCommunicator, RefusesARootThatDoesNotExist) {
  int64_t value = 0;
  EXPECT_DEATH(
      RunOnThreads(
          1, [&](Communicator& communicator) { communicator.Broadcast(std::span(&value, 1), 1); }),
      "root 1 of 1 ranks");
}

}  // namespace
}  // namespace hearth
