#pragma once

#include <algorithm>
#include <vector>

namespace hearth {

/// Returns the middle value. An even count has two middle values; the greater one is returned.
/// `values` must not be empty.
inline double MedianOf(std::vector<double> values) {
  const auto middle = values.begin() + std::ssize(values) / 2;
  std::ranges::nth_element(values, middle);
  return *middle;
}

}  // namespace hearth
