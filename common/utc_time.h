#pragma once

#include <string>

namespace hearth {

/// "2026-03-01T09:30:00Z". For people to read: no decision is made by it, clocks of hosts differ.
std::string UtcNow();

}  // namespace hearth
