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

}  // namespace
}  // namespace hearth
