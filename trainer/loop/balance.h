#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cluster/communicator.h"
#include "trainer/loop/stepper.h"

namespace hearth {

/// Seconds of one rank over a window of outer steps.
struct RankTimes {
  std::string host;
  double load = 0.0;  ///< waiting for meta-batches
  StepTimes step;

  /// The time that makes a rank slow: all but the wait for other ranks.
  double own_work() const { return load + step.compute + step.update; }
};

/// How evenly the ranks worked in a window.
struct BalanceReport {
  int64_t step_count = 0;
  std::vector<RankTimes> ranks;
  /// The greatest own work of a rank over the mean of all ranks: 1 when all are equal.
  double max_over_mean = 1.0;
  /// Ranks slower than BalanceWatch::kSlow times the median for kWindows windows in a row, and the
  /// phase that is furthest above its median. None if the median is zero.
  struct Straggler {
    int rank = 0;
    std::string phase;   ///< "load", "compute" or "update"
    double times = 0.0;  ///< own work over the median
  };
  std::vector<Straggler> stragglers;
};

/// Watches for ranks that are slower than the others, step after step.
class BalanceWatch {
 public:
  static constexpr double kSlow = 1.33;
  static constexpr int kWindows = 5;

  /// Windows of `window_steps` steps, >= 1. The communicator must outlive the watch.
  BalanceWatch(int64_t window_steps, Communicator& communicator);

  /// Call after every outer step. Returns a report at the end of each window, and nothing in
  /// between or when there is one rank. Collective: all ranks must call.
  std::optional<BalanceReport> OnStep(double load_sec, const StepTimes& times);

 private:
  std::vector<RankTimes> Gather();
  std::vector<BalanceReport::Straggler> FindStragglers(const std::vector<RankTimes>& ranks);

  int64_t window_steps_;
  Communicator& communicator_;
  std::vector<std::string> hosts_;  // [rank]; known after the first window
  int64_t step_count_ = 0;          // in the window
  RankTimes own_;
  std::vector<int> slow_windows_;  // [rank] slow windows in a row
};

}  // namespace hearth
