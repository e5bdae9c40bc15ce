#include "cluster/poll_wait.h"

#include <chrono>
#include <thread>

#include "common/clock.h"

namespace hearth {
namespace {

constexpr double kSpinSec = 50e-6;
constexpr double kYieldSec = 5e-3;
constexpr double kSleepSec = 100e-6;

void GiveWay(double seconds) {
  if (seconds <= 0.0) return std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
}

}  // namespace

const PollClock& SteadyPollClock() {
  static const PollClock clock = {.now_sec = SteadyNowSec, .give_way_sec = GiveWay};
  return clock;
}

PollWait::PollWait(double limit_sec, const PollClock& clock)
    : clock_(clock), limit_sec_(limit_sec), begin_sec_(clock.now_sec()) {}

bool PollWait::Continue() {
  const double waited = waited_sec();
  if (waited > limit_sec_) return false;
  if (waited >= kSpinSec) clock_.give_way_sec(waited < kYieldSec ? 0.0 : kSleepSec);
  return true;
}

}  // namespace hearth
