#pragma once

#include <cstdint>
#include <string>

namespace hearth {

/// "1998-03-07 21:02" in UTC; the plain number when it lies outside the years 1..9999.
std::string UtcText(int64_t time_sec);

}  // namespace hearth
