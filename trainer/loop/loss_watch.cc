#include "trainer/loop/loss_watch.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "common/median.h"

namespace hearth {
namespace {

constexpr size_t kInARow = 4;

}  // namespace

std::optional<LossSpike> LossWatch::Add(double loss) {
  if (!std::isfinite(loss)) return std::nullopt;
  std::optional<LossSpike> spike;
  if (std::ssize(window_) == kWindow) {
    const double median = MedianOf({window_.begin(), window_.end()});
    std::vector<double> deviations;
    for (const double before : window_) deviations.push_back(std::abs(before - median));
    const double limit = median + kDeviations * MedianOf(std::move(deviations));
    // Counts the losses right before this one that lie above the limit. If there are kInARow of
    // them, an earlier call has reported the spike, unless this call is the first that compares.
    size_t above = 0;
    while (above < kInARow && window_[window_.size() - 1 - above] > limit) ++above;
    const bool is_first = !std::exchange(has_compared_, true);
    const bool is_new = above == kInARow - 1 || (above == kInARow && is_first);
    if (loss > limit && is_new) spike = LossSpike{loss, median};
    window_.pop_front();
  }
  window_.push_back(loss);
  return spike;
}

}  // namespace hearth
