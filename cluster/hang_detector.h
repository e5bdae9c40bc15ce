#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "common/phase.h"

namespace hearth {

struct HangLimits {
  /// Shortest time without progress that is a hang, seconds, > 0.
  double usual_sec = 30.0;
  /// The same for the first step, evaluations and saves, which may take much longer than a step.
  double patient_sec = 600.0;
};

/// Judges from successive views of a rank's marks whether it still progresses: it hangs when
/// nothing moved for usual_sec, or for 3 times the slowest of the last 100 steps where that is
/// longer. Before the first step nothing is judged (data is read, an ALS start is computed): the
/// deadlines of collectives guard that.
class HangDetector {
 public:
  static constexpr double kSlowestTimes = 3.0;

  explicit HangDetector(const HangLimits& limits) : limits_(limits) {}

  /// `elapsed_sec`: time since the call before in which the caller itself was running; time in
  /// which the whole process or machine was stopped is no hang. True: it hangs.
  bool Observe(const PhaseView& view, double elapsed_sec);

  double still_sec() const { return still_sec_; }
  /// What still_sec() is compared with at present.
  double limit_sec() const;
  /// "nothing moved for 31 s in phase reduce of step 41, in AllReduce (collective 207 of this
  /// rank)". For people.
  std::string Describe() const;

 private:
  void RecordSteps(int64_t count);

  const HangLimits limits_;
  PhaseView view_;
  double still_sec_ = 0.0;
  double step_sec_ = 0.0;  // of the step under way, evaluations and saves left out
  int64_t records_ = 0;
  std::array<double, 100> recent_steps_sec_{};  // ring
};

}  // namespace hearth
