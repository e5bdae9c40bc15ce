#include "common/error.h"

#include <cstdio>
#include <cstdlib>

#include "common/to_underlying.h"

namespace hearth {

void ThrowErrorOf(ExitCode code, const std::string& message) {
  switch (code) {
    case ExitCode::kUsage:
      throw UsageError(message);
    case ExitCode::kData:
      throw DataError(message);
    case ExitCode::kComm:
      throw CommError(message);
    case ExitCode::kStorage:
      throw StorageError(message);
    case ExitCode::kPermission:
      throw PermissionError(message);
    case ExitCode::kConfig:
      throw ConfigError(message);
    case ExitCode::kNumeric:
    case ExitCode::kOk:
    case ExitCode::kStopped:
    case ExitCode::kGateRefused:
      break;
  }
  throw NumericError(message);
}

void FailCheck(const char* file, int line, const char* expression, const std::string& detail) {
  std::fprintf(stderr, "hearth: internal error at %s:%d: check failed: %s%s%s\n", file, line,
               expression, detail.empty() ? "" : ": ", detail.c_str());
  std::fflush(stderr);
  std::_Exit(ToUnderlying(ExitCode::kNumeric));
}

}  // namespace hearth
