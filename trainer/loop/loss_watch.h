#pragma once

#include <cstdint>
#include <deque>
#include <optional>

namespace hearth {

/// A loss far above the losses before it.
struct LossSpike {
  double loss = 0.0;
  double median = 0.0;  ///< of the window before
};

/// Notices when the losses of four outer steps in a row lie far above the window before: a sign of
/// bad data or of a learning rate that is too high. A single high loss may come from unusual tasks.
class LossWatch {
 public:
  static constexpr int64_t kWindow = 64;
  /// A spike lies this many median absolute deviations above the median.
  static constexpr double kDeviations = 12.0;

  /// Adds the loss of the next step. Returns a spike once, at the fourth high loss in a row, if the
  /// window is full. If the row began while the window filled up, returns it at the first loss
  /// after that. Ignores a loss that is not finite.
  std::optional<LossSpike> Add(double loss);

 private:
  std::deque<double> window_;
  bool has_compared_ = false;  // a loss was compared with a full window
};

}  // namespace hearth
