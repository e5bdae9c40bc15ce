#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include <sys/types.h>

#include "cluster/hang_detector.h"

namespace hearth {

/// After this call the process ends with `code` within about 5 s, whatever its threads wait for: a
/// dead disk, a full pipe, MPI. For the way out after a failure; there is no way back.
void EndProcessSoon(int code);

/// A thread that ends this process when it makes no progress (hang_detector.h), or when the
/// launcher that started it is gone. MPI notices neither a stopped rank nor a dead link, so every
/// rank watches itself: a peer that is lost leaves it waiting in a collective.
class Watchdog {
 public:
  struct Options {
    HangLimits limits;
    /// Of the launcher, whose end is the end of this process too; 0: there is none.
    pid_t launcher = 0;
  };

  /// `end` is called in the watchdog's thread with what is wrong; it says so and ends the process.
  /// Should that take longer than 5 s, the process ends by itself with ExitCode::kComm.
  Watchdog(const Options& options, std::function<void(const std::string&)> end);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  void Watch();
  std::string Problem(double elapsed_sec);

  const Options options_;
  const double pause_sec_;
  const std::function<void(const std::string&)> end_;
  HangDetector detector_;
  std::mutex mutex_;  // of stop_
  bool stop_ = false;
  std::condition_variable wake_;
  std::thread thread_;
};

}  // namespace hearth
