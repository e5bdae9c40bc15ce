#pragma once

#include <cstdint>
#include <vector>

namespace hearth {

/// Limits the outer steps that are skipped because their numbers were not finite: one now and then
/// is bad luck, many mean that the model diverges.
struct SkipBudget {
  static constexpr int64_t kMost = 5;           ///< most skipped steps ...
  static constexpr int64_t kWindow = 100;       ///< ... among so many steps in a row
  static constexpr int64_t kMostRollBacks = 2;  ///< most roll-backs of a run

  /// Adds `step` to the skipped steps (ascending), drops the steps before the window that ends with
  /// `step`, and returns how many are left.
  static int64_t Add(int64_t step, std::vector<int64_t>& skipped_steps);
};

}  // namespace hearth
