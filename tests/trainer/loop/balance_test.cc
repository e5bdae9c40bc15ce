#include "trainer/loop/balance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/self_communicator.h"
#include "cluster/thread_communicator.h"

namespace hearth {
namespace {

using ::testing::IsEmpty;

// Own work of a rank in one step, in seconds; waiting (fetch, reduce) is not own work.
StepTimes Computing(double seconds) { return {9.0, seconds, 9.0, 0.0}; }

// The reports that rank 0 gets of `step_count` steps, when rank r computes for seconds_of(r, step).
std::vector<BalanceReport> Watch(int world_size, int64_t step_count, int64_t window_steps,
                                 const auto& seconds_of) {
  std::vector<BalanceReport> reports;
  RunOnThreads(world_size, [&](Communicator& communicator) {
    BalanceWatch watch(window_steps, communicator);
    for (int64_t step = 0; step < step_count; ++step) {
      const auto report = watch.OnStep(0.0, Computing(seconds_of(communicator.rank(), step)));
      if (report && communicator.is_root()) reports.push_back(*report);
    }
  });
  return reports;
}

TEST(BalanceWatch, ReportsOwnWorkOverTheMeanOncePerWindow) {
  const auto reports = Watch(4, 6, 3, [](int rank, int64_t) { return rank == 2 ? 2.0 : 1.0; });
  ASSERT_EQ(reports.size(), 2);
  EXPECT_EQ(reports[1].step_count, 3);
  ASSERT_EQ(reports[1].ranks.size(), 4);
  EXPECT_DOUBLE_EQ(reports[1].ranks[2].own_work(), 6.0);
  EXPECT_DOUBLE_EQ(reports[1].max_over_mean, 2.0 / 1.25);
}

TEST(BalanceWatch, NamesAStragglerAfterFiveSlowWindowsInARow) {
  const auto reports = Watch(3, 12, 2, [](int rank, int64_t) { return rank == 1 ? 1.5 : 1.0; });
  ASSERT_EQ(reports.size(), 6);
  for (int window = 0; window < 4; ++window) EXPECT_THAT(reports[window].stragglers, IsEmpty());
  ASSERT_EQ(reports[4].stragglers.size(), 1);
  EXPECT_EQ(reports[4].stragglers[0].rank, 1);
  EXPECT_EQ(reports[4].stragglers[0].phase, "compute");
  EXPECT_DOUBLE_EQ(reports[4].stragglers[0].times, 1.5);
}

TEST(BalanceWatch, ForgetsSlowWindowsAfterAFastOne) {
  const auto reports =
      Watch(3, 9, 1, [](int rank, int64_t step) { return rank == 1 && step != 4 ? 1.5 : 1.0; });
  for (const BalanceReport& report : reports) EXPECT_THAT(report.stragglers, IsEmpty());
}

TEST(BalanceWatch, NamesNobodyWhenRanksDifferByLessThanAThird) {
  const auto reports =
      Watch(4, 40, 1, [](int rank, int64_t step) { return (rank + step) % 4 < 2 ? 1.0 : 1.3; });
  for (const BalanceReport& report : reports) EXPECT_THAT(report.stragglers, IsEmpty());
}

TEST(BalanceWatch, HasNothingToSayAboutOneRank) {
  SelfCommunicator self;
  BalanceWatch watch(1, self);
  EXPECT_FALSE(watch.OnStep(1.0, Computing(1.0)).has_value());
}

struct Step {
  double load = 0.0;
  StepTimes times;
};
// [rank] the reports of windows of two steps, when rank r takes the steps step_of(r, window).
std::vector<std::vector<BalanceReport>> WatchSteps(int world_size, int64_t window_count,
                                                   const auto& step_of) {
  std::vector<std::vector<BalanceReport>> reports(world_size);
  RunOnThreads(world_size, [&](Communicator& communicator) {
    const int rank = communicator.rank();
    BalanceWatch watch(2, communicator);
    for (int64_t step = 0; step < 2 * window_count; ++step) {
      const Step taken = step_of(rank, step / 2);
      if (auto report = watch.OnStep(taken.load, taken.times)) reports[rank].push_back(*report);
    }
  });
  return reports;
}

TEST(BalanceWatch, AddsEveryPhaseOfEveryRankOverItsWindow) {
  const auto reports = WatchSteps(3, 2, [](int rank, int64_t window) {
    const double scale = window == 0 ? 1.0 : 10.0;
    const double r = rank;
    return Step{scale * (1 + r),
                {scale * (2 + r), scale * (3 + r), scale * (4 + r), scale * (5 + r)}};
  });
  for (const auto& of_rank : reports) {  // every rank gets the same report
    ASSERT_EQ(of_rank.size(), 2);
    for (const int window : {0, 1}) {
      const double scale = window == 0 ? 2.0 : 20.0;  // two steps
      ASSERT_EQ(of_rank[window].ranks.size(), 3);
      for (int rank = 0; rank < 3; ++rank) {
        const RankTimes& times = of_rank[window].ranks[rank];
        EXPECT_DOUBLE_EQ(times.load, scale * (1 + rank));
        EXPECT_DOUBLE_EQ(times.step.fetch, scale * (2 + rank));
        EXPECT_DOUBLE_EQ(times.step.compute, scale * (3 + rank));
        EXPECT_DOUBLE_EQ(times.step.reduce, scale * (4 + rank));
        EXPECT_DOUBLE_EQ(times.step.update, scale * (5 + rank));
        EXPECT_FALSE(times.host.empty());
      }
      // Own work is load, compute and update: 9, 12 and 15.
      EXPECT_DOUBLE_EQ(of_rank[window].max_over_mean, 15.0 / 12.0);
    }
  }
}

TEST(BalanceWatch, NamesThePhaseFurthestAboveItsMedian) {
  const auto reports = WatchSteps(5, 5, [](int rank, int64_t) {
    Step step{3.0, {.fetch = 0.0, .compute = 4.0, .reduce = 0.0, .update = 1.0}};
    if (rank == 1) step = {6.0, {.fetch = 0.0, .compute = 5.5, .reduce = 0.0, .update = 1.0}};
    if (rank == 3) step = {3.0, {.fetch = 0.0, .compute = 5.5, .reduce = 0.0, .update = 4.0}};
    if (rank == 4) step.times.reduce = 100.0;  // it waits for the others
    return step;
  });
  for (const auto& of_rank : reports) {
    ASSERT_EQ(of_rank.size(), 5);
    const auto& stragglers = of_rank.back().stragglers;
    ASSERT_EQ(stragglers.size(), 2);
    EXPECT_EQ(stragglers[0].rank, 1);
    EXPECT_EQ(stragglers[0].phase, "load");
    EXPECT_DOUBLE_EQ(stragglers[0].times, 12.5 / 8.0);
    EXPECT_EQ(stragglers[1].rank, 3);
    EXPECT_EQ(stragglers[1].phase, "update");
    EXPECT_DOUBLE_EQ(stragglers[1].times, 12.5 / 8.0);
  }
}

TEST(BalanceWatch, RanksWithoutWorkAreEven) {
  for (const auto& of_rank : WatchSteps(2, 6, [](int, int64_t) { return Step(); })) {
    for (const BalanceReport& report : of_rank) {
      EXPECT_EQ(report.max_over_mean, 1.0);
      EXPECT_THAT(report.stragglers, IsEmpty());
    }
  }
}

TEST(BalanceWatch, NobodyIsSlowWhereMostRanksHaveNoWork) {
  const auto step_of = [](int rank, int64_t) { return Step{rank == 1 ? 1.0 : 0.0, {}}; };
  for (const auto& of_rank : WatchSteps(3, 6, step_of)) {
    ASSERT_EQ(of_rank.size(), 6);
    for (const BalanceReport& report : of_rank) EXPECT_THAT(report.stragglers, IsEmpty());
  }
}

}  // namespace
}  // namespace hearth
