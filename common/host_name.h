#pragma once

#include <string>

namespace hearth {

/// The name this host gives itself; empty when it cannot be had.
std::string HostName();

}  // namespace hearth
