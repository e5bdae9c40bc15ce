#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace hearth {

/// How a run shows that it moves.
enum class ProgressStyle {
  kPlain,  ///< a log line every few seconds
  kBar,    ///< one line of the terminal, redrawn
  kOff,
};

/// "auto", "plain", "bar", "off" to a style; auto is a bar only on a terminal of a run without
/// mpirun. The name must be one of these.
ProgressStyle StyleOf(const std::string& name, bool stderr_is_terminal, bool launched_by_mpi);

/// Where a run stands.
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
/// The same, with a bar of 20 characters in front, fitting one line of a terminal.
std::string BarLine(const ProgressState& state);

/// Turns finished steps into lines. Time comes from `clock` (seconds, any origin).
class Progress {
 public:
  struct Options {
    ProgressStyle style = ProgressStyle::kPlain;
    double every_sec = 5;
    std::function<double()> clock;
    std::function<void(const std::string&)> log_line;  ///< receives plain lines
    std::function<void(const std::string&)> draw;  ///< receives bar text with control characters
  };
  explicit Progress(Options options);

  /// Tells of one finished step; says something when it is time to, and after the last step.
  void OnStep(int64_t step, int64_t max_steps, int64_t epoch, double loss, int64_t task_count);
  void OnMetric(const std::string& name, double value);
  /// Makes room for a log line: removes the bar until it is drawn again.
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
