#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "common/phase.h"

namespace hearth {

struct HangLimits {
  /// The shortest time without progress that counts as a hang, in seconds, > 0.
  double usual_sec = 30.0;
  /// The same for the first step and for phases with Phase::may_take_long, in seconds.
  double patient_sec = 600.0;
};

/// Looks at the marks of a rank (common/phase.h) again and again, and decides if the rank hangs.
/// The rank hangs when nothing moved for usual_sec, or for 3 times the slowest of the last 100
/// steps if this is longer. Nothing is judged before the first step (the rank reads data or
/// computes an ALS start); the deadlines of collectives guard that time.
class HangDetector {
 public:
  static constexpr double kSlowestTimes = 3.0;

  explicit HangDetector(const HangLimits& limits) : limits_(limits) {}

  /// Takes a new view and returns true if the rank hangs. `elapsed_sec`: running
  /// time of the caller since the last call; time of a stopped process or machine is no hang.
  bool Observe(const PhaseView& view, double elapsed_sec);

  double still_sec() const { return still_sec_; }
  /// Returns the present limit of still_sec().
  double limit_sec() const;
  /// Tells people the state: "nothing moved for 31 s in phase reduce of step 41, in AllReduce
  /// (collective 207 of this rank)".
  std::string Describe() const;

 private:
  void RecordSteps(int64_t count);

  const HangLimits limits_;
  PhaseView view_;
  double still_sec_ = 0.0;
  double step_sec_ = 0.0;  // time of the present step, without phases that may take long
  int64_t records_ = 0;
  std::array<double, 100> recent_steps_sec_{};  // ring buffer
};

}  // namespace hearth
