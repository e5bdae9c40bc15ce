#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include <sys/types.h>

#include "cluster/hang_detector.h"

namespace hearth {

/// Ends the process with `code` within about 5 s, even if its threads wait for a dead disk, a full
/// pipe or MPI. It is for the exit after a failure and cannot be undone.
void EndProcessSoon(int code);

/// Runs a thread that ends this process when the process makes no progress (hang_detector.h), or
/// when the launcher that started it is gone. MPI notices neither a stopped rank nor a dead link.
/// Every rank therefore watches itself: a lost peer leaves it waiting in a collective.
class Watchdog {
 public:
  struct Options {
    HangLimits limits;
    /// The launcher; this process ends when the launcher does. 0: there is none.
    pid_t launcher = 0;
  };

  /// The watchdog's thread calls `end` with the problem; `end` reports it and ends the process. If
  /// this takes longer than 5 s, the process ends by itself with ExitCode::kComm.
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
  std::mutex mutex_;  // guards stop_
  bool stop_ = false;
  std::condition_variable wake_;
  std::thread thread_;
};

}  // namespace hearth
