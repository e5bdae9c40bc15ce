#pragma once

#include <string>

namespace hearth {

/// Returns the time as "2026-03-01T09:30:00Z". It is for people to read; no decision may depend on
/// it, because clocks of hosts differ.
std::string UtcNow();

}  // namespace hearth
