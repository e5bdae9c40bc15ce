#include "tests/tools/paths.h"

namespace hearth::testing {

std::string SourcePath(const std::string& relative) {
  return std::string(HEARTH_SOURCE_DIR) + "/" + relative;
}

std::string HearthBinary() { return std::string(HEARTH_BUILD_DIR) + "/bin/hearth"; }

}  // namespace hearth::testing
