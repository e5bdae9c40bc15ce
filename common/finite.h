#pragma once

#include <span>

namespace hearth {

/// True when every value is a number, neither infinite nor NaN. One pass at the speed of memory:
/// every save and every step passes all its numbers through here.
bool AllFinite(std::span<const float> values);
bool AllFinite(std::span<const double> values);

}  // namespace hearth
