#pragma once

#include <algorithm>
#include <vector>

namespace hearth {

/// The middle one of at least one value; of an even number the greater of the two.
inline double MedianOf(std::vector<double> values) {
  const auto middle = values.begin() + std::ssize(values) / 2;
  std::ranges::nth_element(values, middle);
  return *middle;
}

}  // namespace hearth
