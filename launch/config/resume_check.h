#pragma once

#include <string>
#include <vector>

#include "launch/config/config.h"

namespace hearth {

/// SHA-256 over the keys that may not change when a run is resumed: the identity of what is
/// trained.
std::string ConfigHash(const Config& config);

/// The differences that a resume does not allow, one line each: "meta.inner_steps: was 3, is 5".
std::vector<std::string> ForbiddenDifferences(const Config& before, const Config& now);

}  // namespace hearth
