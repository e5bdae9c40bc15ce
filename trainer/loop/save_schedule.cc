#include "trainer/loop/save_schedule.h"

#include <utility>

#include "trainer/state/checkpoint_saver.h"

namespace hearth {

SaveSchedule::SaveSchedule(const CheckpointOptions& options, std::function<double()> now_sec)
    : options_(options), now_sec_(std::move(now_sec)), begin_sec_(now_sec_()) {}

bool SaveSchedule::IntervalIsOver() const {
  return options_.every_steps == CheckpointOptions::kAutoInterval &&
         now_sec_() - begin_sec_ >= BestSaveInterval(cost_sec_, options_.mtbf_sec);
}

bool SaveSchedule::IsDueAfter(int64_t step, bool is_best, bool is_requested) const {
  if (Has(step)) return false;
  return is_best || is_requested || IsDue(step, options_.every_steps);
}

void SaveSchedule::OnBegin(int64_t step) {
  saved_step_ = step;
  begin_sec_ = now_sec_();
}

void SaveSchedule::OnTrainingGoesOn() { cost_sec_ = now_sec_() - begin_sec_; }

std::optional<int64_t> SaveSchedule::OnFailed(int64_t step, ExitCode code) {
  const bool may_pass = code == ExitCode::kStorage || code == ExitCode::kPermission;
  if (!may_pass || failed_count_ >= options_.max_failed_saves) return std::nullopt;
  if (saved_step_ == step) saved_step_ = -1;
  return ++failed_count_;
}

}  // namespace hearth
