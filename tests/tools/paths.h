#pragma once

#include <string>

namespace hearth::testing {

/// Returns the absolute path of a file of the source tree, such as "configs/quickstart.yaml".
std::string SourcePath(const std::string& relative);

/// Returns the absolute path of the hearth command of this build.
std::string HearthBinary();

}  // namespace hearth::testing
