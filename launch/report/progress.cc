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
  return stderr_is_terminal && !launched_by_mpi ? ProgressStyle::kBar : ProgressStyle::kPlain;
}

std::string PlainLine(const ProgressState& state) {
  std::string line = fmt::format("step {}/{}  epoch {}  loss {:.4f}", state.step, state.max_steps,
                                 state.epoch, state.loss);
  if (!state.metric.empty()) line += fmt::format("  {} {:.4f}", state.metric, state.metric_value);
  return line + fmt::format("  {:.0f} tasks/s  ETA {}", state.tasks_per_sec,
                            FormatDuration(state.eta_sec));
}

std::string BarLine(const ProgressState& state) {
  const int64_t done = state.max_steps == 0 ? 0 : kBarWidth * state.step / state.max_steps;
  const std::string bar = std::string(static_cast<size_t>(done), '#') +
                          std::string(static_cast<size_t>(kBarWidth - done), '.');
  return fmt::format("[{}] {}", bar, PlainLine(state));
}

Progress::Progress(Options options) : options_(std::move(options)) {
  last_line_sec_ = options_.clock();
}

void Progress::OnStep(int64_t step, int64_t max_steps, int64_t epoch, double loss,
                      int64_t task_count) {
  const double now = options_.clock();
  if (first_step_sec_ < 0) {
    // The first step pays for warming up: speed and ETA are taken from its end.
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

  const double every = options_.style == ProgressStyle::kBar ? kBarEverySec : options_.every_sec;
  if (now - last_line_sec_ < every && step < max_steps) return;
  const ProgressState summary = Summarize(now);
  if (options_.style == ProgressStyle::kBar) {
    options_.draw(kEraseLine + BarLine(summary) + (step == max_steps ? "\n" : ""));
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
  const double since_line = now - last_line_sec_;
  summary.loss = loss_sum_ / static_cast<double>(std::max<int64_t>(steps_since_line_, 1));
  summary.tasks_per_sec = since_line > 0 ? static_cast<double>(tasks_since_line_) / since_line : 0;
  const int64_t timed_steps = state_.step - first_step_;
  const double step_sec =
      timed_steps > 0 ? (now - first_step_sec_) / static_cast<double>(timed_steps) : since_line;
  summary.eta_sec = step_sec * static_cast<double>(state_.max_steps - state_.step);
  return summary;
}

}  // namespace hearth
