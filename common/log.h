#pragma once

#include <string>

#include <spdlog/spdlog.h>

namespace hearth {

/// The format and the sinks of log lines. A line reads `HH:MM:SS level message`. When
/// world_size > 1, ranks other than 0 put `[rank r]` in front of the message.
struct LogOptions {
  std::string level = "info";  ///< trace|debug|info|warn|error|off
  std::string file;            ///< also append to this file (no colours); empty: stderr only
  bool color = false;  ///< colour on stderr; the caller decides, as isatty(1) misleads under MPI
  bool stderr_enabled = true;  ///< false: file only (every rank but 0)
  int rank = 0;
  int world_size = 1;
};

/// Sets up the process-wide spdlog logger. Call this once, before threads start; later calls
/// replace the logger. Afterwards use spdlog::info(...) and spdlog::warn(...) directly.
void SetUpLogging(const LogOptions& options);

/// Writes a line of level error to the log file, if there is one, and not to stderr, because the
/// caller has written it there.
void LogToFiles(const std::string& line);

}  // namespace hearth
