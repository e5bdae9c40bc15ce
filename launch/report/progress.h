#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace hearth {

/// The ways to show the progress of a run.
enum class ProgressStyle {
  kPlain,  ///< a log line every few seconds
  kBar,    ///< one line of the terminal that is drawn again and again
  kOff,
};

/// Returns the style for "auto", "plain", "bar" or "off"; other names are not allowed. "auto" means
/// a bar if stderr is a terminal and the run was started without mpirun, else plain lines.
ProgressStyle StyleOf(const std::string& name, bool stderr_is_terminal, bool launched_by_mpi);

/// The progress of a run so far.
struct ProgressState {
  int64_t step = 0, max_steps = 0, epoch = 0;
  double loss = 0;     ///< outer loss, mean since the last line
  std::string metric;  ///< "rmse", or "" before the first evaluation
  double metric_value = 0;
  double tasks_per_sec = 0;
  double eta_sec = 0;
};
/// "step 1200/4000  epoch 3  loss 0.9120  rmse 0.9340  812 tasks/s  ETA 2 min 05 s"
std::string PlainLine(const ProgressState& state);
/// Returns the same line after a bar of 20 characters. It fits one line of a terminal.
std::string BarLine(const ProgressState& state);

/// Turns finished steps into lines of progress. Options::clock gives the time in seconds from any
/// origin.
class Progress {
 public:
  struct Options {
    ProgressStyle style = ProgressStyle::kPlain;
    double every_sec = 5;
    std::function<double()> clock;
    std::function<void(const std::string&)> log_line;  ///< receives the plain lines
    std::function<void(const std::string&)> draw;      ///< receives the bar with control characters
  };
  explicit Progress(Options options);

  /// Counts one finished step. Shows progress if it is time for it, and after the last step.
  void OnStep(int64_t step, int64_t max_steps, int64_t epoch, double loss, int64_t task_count);
  void OnMetric(const std::string& name, double value);
  /// Removes the bar, to make room for a log line. The next drawing brings the bar back.
  void Interrupt();

 private:
  ProgressState Summarize(double now) const;

  Options options_;
  double last_line_sec_ = 0, first_step_sec_ = -1;
  int64_t first_step_ = 0;
  int64_t steps_since_line_ = 0, tasks_since_line_ = 0;
  double loss_sum_ = 0;
  ProgressState state_;
  bool bar_shown_ = false;
};

}  // namespace hearth
