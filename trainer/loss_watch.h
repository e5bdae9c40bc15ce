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

/// Notices outer steps whose loss lies far above the window before them: a first sign of bad data
/// or a learning rate that is too high. Looks on only; ranks that see the same losses agree.
class LossWatch {
 public:
  static constexpr int64_t kWindow = 64;
  /// Median absolute deviations above the median that make a spike.
  static constexpr double kDeviations = 12.0;

  /// The next step's loss. A spike only when the window is full. A loss that is not finite is left
  /// out.
  std::optional<LossSpike> Add(double loss);

 private:
  std::deque<double> window_;
};

}  // namespace hearth
