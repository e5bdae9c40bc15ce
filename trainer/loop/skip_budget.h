#pragma once

#include <cstdint>
#include <vector>

namespace hearth {

/// How many outer steps may be left out because their numbers were not finite: now and then one is
/// bad luck, many are a model that diverges.
struct SkipBudget {
  static constexpr int64_t kMost = 5;           ///< skipped steps ...
  static constexpr int64_t kWindow = 100;       ///< ... of so many in a row
  static constexpr int64_t kMostRollBacks = 2;  ///< of a whole run

  /// Adds `step` to the skipped ones (ascending), drops those before the window that ends with it,
  /// and returns how many there are.
  static int64_t Add(int64_t step, std::vector<int64_t>& skipped_steps);
};

}  // namespace hearth
