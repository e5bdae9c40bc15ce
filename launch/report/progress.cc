#include "launch/report/progress.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/error.h"
#include "common/text.h"

namespace hearth {
namespace {

constexpr int64_t kBarWidth = 20;
constexpr double kBarEverySec = 0.25;
constexpr const char* kEraseLine = "\r\033[K";

}  // namespace

ProgressStyle StyleOf(const std::string& name, bool stderr_is_terminal, bool launched_by_mpi) {
  if (name == "plain") return ProgressStyle::kPlain;
  if (name == "bar") return ProgressStyle::kBar;
  if (name == "off") return ProgressStyle::kOff;
  HEARTH_CHECK(name == "auto", "progress style '{}'", name);
  if (stderr_is_terminal && !launched_by_mpi) return ProgressStyle::kBar;
  return ProgressStyle::kPlain;
}

std::string PlainLine(const ProgressState& state) {
  std::string line = fmt::format("step {}/{}  epoch {}  loss {:.4f}", state.step, state.max_steps,
                                 state.epoch, state.loss);
  if (!state.metric.empty()) line += fmt::format("  {} {:.4f}", state.metric, state.metric_value);
  return line + fmt::format("  {:.0f} tasks/s  ETA {}", state.tasks_per_sec,
                            FormatDuration(state.eta_sec));
}

std::string BarLine(const ProgressState& state) {
  int64_t done = 0;
  if (state.max_steps > 0) done = kBarWidth * state.step / state.max_steps;
  const std::string bar = std::string(done, '#') + std::string(kBarWidth - done, '.');
  return fmt::format("[{}] {}", bar, PlainLine(state));
}

Progress::Progress(Options options) : options_(std::move(options)) {
  last_line_sec_ = options_.clock();
}

void Progress::OnStep(int64_t step, int64_t max_steps, int64_t epoch, double loss,
                      int64_t task_count) {
  const double now = options_.clock();
  if (first_step_sec_ < 0) {
    // The first step is slow because it warms up. The ETA is computed from the steps after it.
    first_step_sec_ = now;
    first_step_ = step;
  }
  state_.step = step;
  state_.max_steps = max_steps;
  state_.epoch = epoch;
  ++steps_since_line_;
  tasks_since_line_ += task_count;
  loss_sum_ += loss;
  if (options_.style == ProgressStyle::kOff) return;

  const bool is_bar = options_.style == ProgressStyle::kBar;
  const double every_sec = is_bar ? kBarEverySec : options_.every_sec;
  if (now - last_line_sec_ < every_sec && step < max_steps) return;
  const ProgressState summary = Summarize(now);
  if (is_bar) {
    std::string drawing = kEraseLine + BarLine(summary);
    if (step == max_steps) drawing += "\n";
    options_.draw(drawing);
    bar_shown_ = step != max_steps;
  } else {
    options_.log_line(PlainLine(summary));
  }
  last_line_sec_ = now;
  steps_since_line_ = tasks_since_line_ = 0;
  loss_sum_ = 0;
}

void Progress::OnMetric(const std::string& name, double value) {
  state_.metric = name;
  state_.metric_value = value;
}

void Progress::Interrupt() {
  if (bar_shown_) options_.draw(kEraseLine);
  bar_shown_ = false;
}

ProgressState Progress::Summarize(double now) const {
  ProgressState summary = state_;
  const double since_line_sec = now - last_line_sec_;
  summary.loss = loss_sum_ / static_cast<double>(std::max<int64_t>(steps_since_line_, 1));
  summary.tasks_per_sec = 0;
  if (since_line_sec > 0) {
    summary.tasks_per_sec = static_cast<double>(tasks_since_line_) / since_line_sec;
  }
  double step_sec = since_line_sec;
  const int64_t timed_steps = state_.step - first_step_;
  if (timed_steps > 0) step_sec = (now - first_step_sec_) / static_cast<double>(timed_steps);
  summary.eta_sec = step_sec * static_cast<double>(state_.max_steps - state_.step);
  return summary;
}

}  // namespace hearth
