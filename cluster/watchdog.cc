#include "cluster/watchdog.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <utility>

#include <fmt/format.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/error.h"
#include "common/to_underlying.h"

namespace hearth {
namespace {

constexpr unsigned kLastResortSec = 5;
constexpr double kPauseSec = 0.25;

std::atomic<int> exit_code{ToUnderlying(ExitCode::kComm)};
std::atomic<bool> ending{false};
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free,
              "used in a signal handler");

// The kernel raises the first alarm when the launcher dies. This alarm leaves the watchdog time to
// report; the second alarm ends the process.
void OnAlarm(int /*signal*/) {
  if (ending.exchange(true)) _exit(exit_code.load());
  alarm(kLastResortSec);
}

void CatchAlarm() {
  struct sigaction action {};
  action.sa_handler = OnAlarm;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGALRM, &action, nullptr);
}

}  // namespace

void EndProcessSoon(int code) {
  exit_code.store(code);
  CatchAlarm();
  std::signal(SIGPIPE, SIG_IGN);  // the reader of this process's output may be gone
  if (!ending.exchange(true)) alarm(kLastResortSec);
}

Watchdog::Watchdog(const Options& options, std::function<void(const std::string&)> end)
    : options_(options),
      pause_sec_(std::min(kPauseSec, options.limits.usual_sec / 20.0)),
      end_(std::move(end)),
      detector_(options.limits) {
  if (options_.launcher != 0) {
    CatchAlarm();
    prctl(PR_SET_PDEATHSIG, SIGALRM);
  }
  thread_ = std::thread([this] { Watch(); });
}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  thread_.join();
  if (options_.launcher != 0) prctl(PR_SET_PDEATHSIG, 0);
}

void Watchdog::Watch() {
  using Clock = std::chrono::steady_clock;
  Clock::time_point last = Clock::now();
  std::unique_lock lock(mutex_);
  while (
      !wake_.wait_for(lock, std::chrono::duration<double>(pause_sec_), [this] { return stop_; })) {
    const Clock::time_point now = Clock::now();
    const double elapsed_sec = std::chrono::duration<double>(now - last).count();
    last = now;
    // A longer pause than asked for means that this thread was stopped, perhaps with the whole
    // process, so only part of the time counts.
    const std::string problem = Problem(std::min(elapsed_sec, 2.0 * pause_sec_));
    if (problem.empty()) continue;
    EndProcessSoon(ToUnderlying(ExitCode::kComm));
    return end_(problem);
  }
}

std::string Watchdog::Problem(double elapsed_sec) {
  if (options_.launcher != 0 && getppid() != options_.launcher) {
    return fmt::format("the launcher (process {}) that started this rank is gone",
                       options_.launcher);
  }
  if (!detector_.Observe(CurrentPhase(), elapsed_sec)) return "";
  return fmt::format(
      "{}; the limit is {:.0f} s (dist.watchdog, or {:.0f} times the slowest recent "
      "step): a rank that is stopped, a dead host, link or disk",
      detector_.Describe(), detector_.limit_sec(), HangDetector::kSlowestTimes);
}

}  // namespace hearth
