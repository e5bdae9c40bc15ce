#pragma once

#include <cstdint>
#include <deque>
#include <optional>

namespace hearth {

/// A loss far above those before it.
struct LossSpike {
  double loss = 0.0;
  double median = 0.0;  ///< of the window before
};

/// Notices when the losses of four outer steps in a row lie far above the window before: a sign of
/// bad data or of a learning rate that is too high. One step alone may just have met odd tasks.
class LossWatch {
 public:
  static constexpr int64_t kWindow = 64;
  /// Median absolute deviations above the median that make a spike.
  static constexpr double kDeviations = 12.0;

  /// The next step's loss. A spike, once, at the fourth in a row, when the window is full. A loss
  /// that is not finite is left out.
  std::optional<LossSpike> Add(double loss);

 private:
  std::deque<double> window_;
};

}  // namespace hearth
