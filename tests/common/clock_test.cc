#include "common/clock.h"

#include <chrono>

#include <gtest/gtest.h>

#include "common/stopwatch.h"

namespace hearth {
namespace {

/// Seconds of the steady clock by a way of its own.
double Oracle() {
  return 1e-9 *
         static_cast<double>(
             std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count());
}

void Work(double seconds) {
  for (const double begin = Oracle(); Oracle() - begin < seconds;) continue;
}

TEST(Clock, CountsSecondsAndNeverGoesBack) {
  const double before = Oracle(), now = SteadyNowSec(), after = Oracle();
  EXPECT_GE(now, before - 1e-6);
  EXPECT_LE(now, after + 1e-6);
  double last = now;
  for (int i = 0; i < 1000; ++i) {
    const double next = SteadyNowSec();
    EXPECT_GE(next, last);
    last = next;
  }
}

TEST(Stopwatch, AddsTheTimeOfItsLifeToTheSum) {
  double sum_sec = 1.0;
  const double begin = Oracle();
  {
    const Stopwatch stopwatch(&sum_sec);
    Work(0.002);
  }
  const double outside = Oracle() - begin;
  EXPECT_GE(sum_sec, 1.0 + 0.002 - 1e-6);
  EXPECT_LE(sum_sec, 1.0 + outside + 1e-6);
  { const Stopwatch stopwatch(&sum_sec); }
  EXPECT_LE(sum_sec, 1.0 + (Oracle() - begin) + 1e-6);
}

}  // namespace
}  // namespace hearth
