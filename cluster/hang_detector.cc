#include "cluster/hang_detector.h"

#include <algorithm>

#include <fmt/format.h>

namespace hearth {
double HangDetector::limit_sec() const {
  const double usual =
      std::max(limits_.usual_sec, kSlowestTimes * std::ranges::max(recent_steps_sec_));
  const bool is_patient = view_.step_count <= 1 || view_.phase.may_take_long;
  return is_patient ? std::max(usual, limits_.patient_sec) : usual;
}

bool HangDetector::Observe(const PhaseView& view, double elapsed_sec) {
  const bool moved = view.mark_count != view_.mark_count;
  if (!view_.phase.may_take_long) step_sec_ += elapsed_sec;
  RecordSteps(view.step_count - view_.step_count);
  view_ = view;
  still_sec_ = moved ? 0.0 : still_sec_ + elapsed_sec;
  return view.step_count > 0 && still_sec_ >= limit_sec();
}

// Several steps may have begun since the last look: each gets an equal share of the time.
void HangDetector::RecordSteps(int64_t count) {
  if (count == 0) return;
  recent_steps_sec_[records_ % recent_steps_sec_.size()] = step_sec_ / static_cast<double>(count);
  ++records_;
  step_sec_ = 0.0;
}

std::string HangDetector::Describe() const {
  std::string text = fmt::format("nothing moved for {:.0f} s in phase {} of step {}", still_sec_,
                                 view_.phase.name, view_.step + 1);
  if (view_.collective_count > 0) {
    text +=
        fmt::format(", {} {} (collective {} of this rank)", view_.in_collective ? "in" : "after",
                    view_.collective, view_.collective_count);
  }
  return text;
}

}  // namespace hearth
