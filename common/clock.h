#pragma once

#include <chrono>

namespace hearth {

/// Seconds since a moment that differs from host to host: for durations and limits. Never goes
/// back.
inline double SteadyNowSec() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace hearth
