#include "cluster/consensus.h"

#include <atomic>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/self_communicator.h"
#include "cluster/thread_communicator.h"
#include "common/error.h"

namespace hearth {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// Returns the messages of all ranks, in rank order; "" for a rank that agrees.
std::vector<std::string> MessagesOf(int world_size,
                                    const std::function<std::vector<Fact>(int rank)>& facts_of) {
  std::vector<std::string> messages(world_size);
  RunOnThreads(world_size, [&](Communicator& communicator) {
    const int rank = communicator.rank();
    try {
      RequireSameFacts(communicator, facts_of(rank));
    } catch (const ConfigError& error) {
      messages[rank] = error.what();
    }
  });
  return messages;
}

TEST(RequireSameFacts, AcceptsEqualFacts) {
  EXPECT_THAT(MessagesOf(3,
                         [](int) {
                           return std::vector<Fact>{{"build", "1"}, {"config", "2"}};
                         }),
              ::testing::Each(""));
  SelfCommunicator self;
  RequireSameFacts(self, {{"build", "1"}});
}

TEST(RequireSameFacts, NamesTheFactTheRankAndBothValuesOnEveryRank) {
  const auto messages = MessagesOf(4, [](int rank) {
    return std::vector<Fact>{{"build", "1"}, {"config hash", rank == 2 ? "bb" : "aa"}};
  });
  EXPECT_THAT(messages,
              ::testing::Each(AllOf(HasSubstr("config hash"), HasSubstr("rank 0 has 'aa'"),
                                    HasSubstr("rank 2 has 'bb'"))));
}

TEST(RequireSameFacts, RefusesAFactThatOneRankLacks) {
  const auto messages = MessagesOf(2, [](int rank) {
    std::vector<Fact> facts = {{"build", "1"}, {"data", "x"}};
    if (rank == 1) facts.pop_back();
    return facts;
  });
  EXPECT_THAT(messages, ::testing::Each(AllOf(HasSubstr("data"), HasSubstr("rank 1 has nothing"))));
}

TEST(RequireSameFacts, RefusesFactsOfOtherNames) {
  const auto messages = MessagesOf(2, [](int rank) {
    return std::vector<Fact>{{rank == 0 ? "build" : "version", "1"}};
  });
  EXPECT_THAT(messages, ::testing::Each(AllOf(HasSubstr("'build'"), HasSubstr("'version'"))));
}

TEST(RequireSameFacts, TakesValuesWithAnyBytes) {
  EXPECT_THAT(MessagesOf(2,
                         [](int) {
                           return std::vector<Fact>{{"path", "a\"\n\xff\x01,["}};
                         }),
              ::testing::Each(""));
}

TEST(AgreeOnFailure, IsThatOfTheLowestRankThatFailedOnEveryRank) {
  RunOnThreads(4, [](Communicator& communicator) {
    const auto own = Attempt([&] {
      if (communicator.rank() == 2) throw StorageError("disk of rank {} is full", 2);
      if (communicator.rank() == 3) throw DataError("later");
    });
    EXPECT_EQ(own.has_value(), communicator.rank() >= 2);
    const auto agreed = AgreeOnFailure(communicator, own);
    ASSERT_TRUE(agreed.has_value());
    EXPECT_EQ(agreed->code, ExitCode::kStorage);
    EXPECT_EQ(agreed->message, "rank 2: disk of rank 2 is full");
    EXPECT_THROW(Throw(*agreed), StorageError);
  });
}

TEST(AgreeOnFailure, IsNothingWhenNoRankFailed) {
  RunOnThreads(2, [](Communicator& communicator) {
    EXPECT_FALSE(AgreeOnFailure(communicator, Attempt([] {})).has_value());
  });
}

TEST(Attempt, KeepsTheCodeOfEveryKindOfError) {
  const auto again = [](const auto& error) {
    const std::optional<RankFailure> failure = Attempt([&] { throw error; });
    try {
      Throw(*failure);
    } catch (const Error& thrown) {
      return thrown.code() == error.code() && std::string(thrown.what()) == error.what();
    }
  };
  EXPECT_TRUE(again(DataError("a")));
  EXPECT_TRUE(again(CommError("b")));
  EXPECT_TRUE(again(NumericError("c")));
  EXPECT_TRUE(again(StorageError("d")));
  EXPECT_TRUE(again(PermissionError("e")));
  EXPECT_TRUE(again(ConfigError("f")));
  EXPECT_EQ(Attempt([] { throw std::bad_alloc(); })->code, ExitCode::kNumeric);
}

}  // namespace
}  // namespace hearth
