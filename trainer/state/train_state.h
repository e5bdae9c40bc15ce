#pragma once

#include <cstdint>
#include <limits>
#include <vector>

namespace hearth {

/// Counters of a run. A resume needs these, the parameters and the optimizer state. The order of
/// tasks and every random draw are functions of (seed, step), so there is no other state.
struct TrainState {
  int64_t step = 0;           ///< outer steps done; the next step to run
  int64_t tasks_seen = 0;     ///< over all ranks
  int64_t tasks_skipped = 0;  ///< left out because their loss or gradient was not finite
  double best_metric = std::numeric_limits<double>::quiet_NaN();
  int64_t best_step = -1;  ///< step of best_metric, -1: no evaluation yet
  int64_t evaluations_without_improvement = 0;
  std::vector<int64_t> skipped_steps;  ///< in the newest SkipBudget window, ascending
  int64_t roll_backs = 0;              ///< returns to a checkpoint after too many skips
};

}  // namespace hearth
