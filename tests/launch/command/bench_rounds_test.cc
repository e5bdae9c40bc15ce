#include "launch/command/bench_rounds.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hearth {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;

// Takes the given time by its own clock, and records when it ran.
Contestant Fake(const std::string& name, double seconds, std::string* order) {
  return {name, [=] {
            *order += name;
            return Work{.seconds = seconds, .comm_seconds = seconds / 4, .tasks = 3.0};
          }};
}

TEST(RunRounds, TakesTurnsAfterARoundThatDoesNotCount) {
  std::string order;
  std::vector<Contestant> contestants = {Fake("a", 1.0, &order), Fake("b", 1.0, &order)};
  RunRounds({.rounds = 3, .round_sec = 0.5}, &contestants);
  EXPECT_EQ(order, "abababab");
  EXPECT_EQ(contestants[0].rounds.size(), 3u);
}

TEST(RunRounds, FillsARoundWithUnits) {
  std::string order;
  std::vector<Contestant> contestants = {Fake("a", 0.125, &order), Fake("b", 0.5, &order)};
  RunRounds({.rounds = 1, .round_sec = 0.5}, &contestants);
  EXPECT_EQ(order, "aaaabaaaab");
  const Work& work = contestants[0].rounds.front();
  EXPECT_THAT(work, AllOf(Field(&Work::seconds, 0.5), Field(&Work::tasks, 12.0)));
}

TEST(RunRounds, AgreesWithTheOtherRanksOnTheNumberOfUnits) {
  std::string order;
  std::vector<Contestant> contestants = {Fake("a", 0.001, &order)};
  const auto slower_rank = [](double seconds) { return std::max(seconds, 0.2); };
  RunRounds({.rounds = 1, .round_sec = 0.5, .largest_of_ranks = slower_rank}, &contestants);
  EXPECT_EQ(contestants[0].units, 4);
}

TEST(RunRounds, FiguresAreOfARound) {
  std::string order;
  std::vector<Contestant> contestants = {Fake("a", 0.125, &order)};
  RunRounds({.rounds = 2, .round_sec = 0.5}, &contestants);
  EXPECT_THAT(PerSecond(contestants[0], &Work::tasks), ElementsAre(24.0, 24.0));
  EXPECT_THAT(PerUnit(contestants[0], &Work::seconds), ElementsAre(0.125, 0.125));
  EXPECT_THAT(PerUnit(contestants[0], &Work::comm_seconds), ElementsAre(0.03125, 0.03125));
}

TEST(Spread, HasTheMiddleAndTheEnds) {
  const auto is = [](double median, double min, double max) {
    return AllOf(Field(&Spread::median, median), Field(&Spread::min, min),
                 Field(&Spread::max, max));
  };
  EXPECT_THAT(SpreadOf({5.0, 1.0, 3.0}), is(3.0, 1.0, 5.0));
  EXPECT_THAT(SpreadOf({4.0, 1.0, 2.0, 9.0}), is(3.0, 1.0, 9.0));
  EXPECT_THAT(SpreadOf({7.0}), is(7.0, 7.0, 7.0));
  EXPECT_EQ(ToText({1.25, 0.5, 2.0}, 2), "1.25 (0.50 .. 2.00)");
  EXPECT_EQ(ToJson(Spread{1.25, 0.5, 2.0}).dump(), R"({"max":2.0,"median":1.25,"min":0.5})");
}

TEST(SecondsOf, CoversTheCall) {
  double inner = 0.0;
  const double outer = SecondsOf([&] { inner = SecondsOf([] {}); });
  EXPECT_GE(inner, 0.0);
  EXPECT_GE(outer, inner);
}

}  // namespace
}  // namespace hearth
