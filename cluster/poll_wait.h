#pragma once

#include <functional>

namespace hearth {

/// Time as a wait sees it. Tests put their own in its place.
struct PollClock {
  std::function<double()> now_sec;           ///< never goes back
  std::function<void(double)> give_way_sec;  ///< lets others run for about this long; 0: yields
};
const PollClock& SteadyPollClock();

/// One wait for something that has to be asked for again and again:
///   PollWait wait(deadline_sec);
///   while (!Arrived()) {
///     if (!wait.Continue()) throw ...;
///   }
class PollWait {
 public:
  /// `clock` must outlive the wait.
  explicit PollWait(double limit_sec, const PollClock& clock = SteadyPollClock());

  double waited_sec() const { return clock_.now_sec() - begin_sec_; }

  /// False past the limit, at once. Else true after a pause: none at first, so that a peer that is
  /// a little late costs no latency; later the processor goes to others (a checkpoint on rank 0).
  bool Continue();

 private:
  const PollClock& clock_;
  const double limit_sec_;
  const double begin_sec_;
};

}  // namespace hearth
