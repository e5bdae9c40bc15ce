#pragma once

#include <string>
#include <vector>

#include "launch/config/config.h"

namespace hearth {

/// SHA-256 of the keys that must stay the same when a run is resumed. The hash identifies the
/// training that the configuration describes.
std::string ConfigHash(const Config& config);

/// Lists the differences that forbid a resume, one line each: "meta.inner_steps: was 3, is 5".
std::vector<std::string> ForbiddenDifferences(const Config& before, const Config& now);

}  // namespace hearth
