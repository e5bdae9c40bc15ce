#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace hearth {

/// Exit codes of every hearth command. This is the only table; docs/errors.md shows it to users.
enum class ExitCode : int {
  kOk = 0,
  kUsage = 64,        ///< wrong command line
  kData = 65,         ///< bad input data, shard or checkpoint
  kComm = 69,         ///< peer lost or communication timed out; a batch script may requeue
  kNumeric = 70,      ///< numeric budget spent, or a broken invariant inside hearth
  kStorage = 74,      ///< writing or reading storage failed
  kStopped = 75,      ///< stopped early with a committed checkpoint; a batch script may requeue
  kGateRefused = 76,  ///< retraining ran, but its gate refused to publish
  kPermission = 77,   ///< the operating system refused access
  kConfig = 78,       ///< bad configuration
};

/// Base of every error that a user or the environment can cause. The message names the problem, the
/// value, the place (file, key, rank, task) and the remedy.
class Error : public std::runtime_error {
 public:
  Error(ExitCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ExitCode code() const { return code_; }

 private:
  ExitCode code_;
};

/// Each cause has a class of its own. Its constructor takes a format and arguments as fmt does:
/// `throw DataError("{}:{}: bad label '{}'", ...)`.
template <ExitCode kCode>
class ErrorOf : public Error {
 public:
  explicit ErrorOf(const std::string& message) : Error(kCode, message) {}
  template <typename Arg, typename... Args>
  ErrorOf(fmt::format_string<Arg, Args...> format, Arg&& arg, Args&&... args)
      : Error(kCode, fmt::format(format, std::forward<Arg>(arg), std::forward<Args>(args)...)) {}
};
using UsageError = ErrorOf<ExitCode::kUsage>;
using DataError = ErrorOf<ExitCode::kData>;
using CommError = ErrorOf<ExitCode::kComm>;
using NumericError = ErrorOf<ExitCode::kNumeric>;
using StorageError = ErrorOf<ExitCode::kStorage>;
using PermissionError = ErrorOf<ExitCode::kPermission>;
using ConfigError = ErrorOf<ExitCode::kConfig>;

/// Throws the class of error that belongs to `code`, so that an error reported by another process
/// keeps its class. A code that stands for no error throws NumericError, because its sender has a
/// bug.
[[noreturn]] void ThrowErrorOf(ExitCode code, const std::string& message);

/// Prints the failed expression with its place and ends the process (exit code 70).
[[noreturn]] void FailCheck(const char* file, int line, const char* expression,
                            const std::string& detail);

}  // namespace hearth

/// Checks an invariant in every build. A failure is our bug; no user input can cause one.
/// Write HEARTH_CHECK(a == b) or HEARTH_CHECK(a == b, "rows {} of {}", a, b).
#define HEARTH_CHECK(expression, ...)                                                           \
  do {                                                                                          \
    if (!(expression)) [[unlikely]] {                                                           \
      ::hearth::FailCheck(__FILE__, __LINE__, #expression, ::hearth::CheckDetail(__VA_ARGS__)); \
    }                                                                                           \
  } while (false)

namespace hearth {
inline std::string CheckDetail() { return {}; }
template <typename... Args>
std::string CheckDetail(fmt::format_string<Args...> format, Args&&... args) {
  return fmt::format(format, std::forward<Args>(args)...);
}
}  // namespace hearth
