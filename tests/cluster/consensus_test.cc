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

// The messages of all ranks, in rank order; "" for a rank that agrees.
std::vector<std::string> MessagesOf(int world_size,
                                    const std::function<std::vector<Fact>(int rank)>& facts_of) {
  std::vector<std::string> messages(static_cast<size_t>(world_size));
  RunOnThreads(world_size, [&](Communicator& communicator) {
    const int rank = communicator.rank();
    try {
      RequireSameFacts(communicator, facts_of(rank));
    } catch (const ConfigError& error) {
      messages[static_cast<size_t>(rank)] = error.what();
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

}  // namespace
}  // namespace hearth
