#include "trainer/loop/skip_policy.h"

#include <optional>

#include <fmt/format.h>

#include "common/error.h"
#include "trainer/loop/skip_budget.h"

namespace hearth {
namespace {

std::string WhyNoRollBack(int64_t roll_backs) {
  if (roll_backs == 0) return "there is no checkpoint to go back to";
  return fmt::format("going back to a checkpoint {} times did not help", roll_backs);
}

}  // namespace

void SkipPolicy::OnStep(const StepResult& result, int64_t epoch) {
  if (result.skip_reason.empty()) return;
  TrainState& counters = state_.counters;
  const int64_t count = SkipBudget::Add(counters.step, counters.skipped_steps);
  observer_.OnSkippedStep(counters.step, result.skip_reason, count);
  if (count > SkipBudget::kMost) RollBack(result.skip_reason, epoch);
}

void SkipPolicy::RollBack(const std::string& reason, int64_t epoch) {
  TrainState counters = state_.counters;
  checkpoints_.Finish();
  std::optional<std::string> path;
  if (counters.roll_backs < SkipBudget::kMostRollBacks) path = checkpoints_.LoadNewest();
  if (!path) {
    throw NumericError(
        "more than {} of the last {} outer steps could not be taken, and {}; the newest: {}",
        SkipBudget::kMost, SkipBudget::kWindow, WhyNoRollBack(counters.roll_backs), reason);
  }
  counters.skipped_steps.clear();
  ++counters.roll_backs;
  state_.counters = counters;
  state_.optimizer.set_step_count(counters.step);
  observer_.OnRollBack(counters.step, *path);
  checkpoints_.Begin({.epoch = epoch, .metric = {}});
}

}  // namespace hearth
