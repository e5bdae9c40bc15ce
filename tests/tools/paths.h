#pragma once

#include <string>

namespace hearth::testing {

/// Absolute path of a file of the source tree, "configs/quickstart.yaml".
std::string SourcePath(const std::string& relative);

/// Absolute path of the hearth command of this build.
std::string HearthBinary();

}  // namespace hearth::testing
