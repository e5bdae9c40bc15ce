#pragma once

#include <string>

namespace hearth {

/// Returns the name this host gives itself, or "" when the system does not tell.
std::string HostName();

}  // namespace hearth
