#pragma once

#include <functional>

namespace hearth {

/// The clock of a wait. Tests use a clock of their own.
struct PollClock {
  std::function<double()> now_sec;           ///< never goes back
  std::function<void(double)> give_way_sec;  ///< lets others run about this long; 0: yields
};
const PollClock& SteadyPollClock();

/// One wait for something that must be polled:
///   PollWait wait(deadline_sec);
///   while (!Arrived()) {
///     if (!wait.Continue()) throw ...;
///   }
class PollWait {
 public:
  /// `clock` must outlive the wait.
  explicit PollWait(double limit_sec, const PollClock& clock = SteadyPollClock());

  double waited_sec() const { return clock_.now_sec() - begin_sec_; }

  /// Returns false at once past the limit, else true after a pause. The first calls do not pause,
  /// so that a peer that is a little late costs no latency. Later calls give the processor to
  /// others (a checkpoint on rank 0).
  bool Continue();

 private:
  const PollClock& clock_;
  const double limit_sec_;
  const double begin_sec_;
};

}  // namespace hearth
