#include "common/error.h"

#include <cstdio>
#include <cstdlib>

namespace hearth {

void FailCheck(const char* file, int line, const char* expression, const std::string& detail) {
  std::fprintf(stderr, "hearth: internal error at %s:%d: check failed: %s%s%s\n", file, line,
               expression, detail.empty() ? "" : ": ", detail.c_str());
  std::fflush(stderr);
  std::_Exit(static_cast<int>(ExitCode::kNumeric));
}

}  // namespace hearth
