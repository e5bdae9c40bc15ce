#pragma once

#include <string>

#include <spdlog/spdlog.h>

namespace hearth {

/// Where log lines go. Lines are `HH:MM:SS level message`, with `[rank r]` in front of the message
/// when world_size > 1 and the line comes from a rank that speaks alone.
struct LogOptions {
  std::string level = "info";  ///< trace|debug|info|warn|error|off
  std::string file;            ///< also append to this file (no colours); empty: stderr only
  bool color = false;  ///< colour on stderr; decided by the caller, never by isatty(1) under MPI
  bool stderr_enabled = true;  ///< false: file only (every rank but 0)
  int rank = 0;
  int world_size = 1;
};

/// Sets up the process-wide spdlog logger. Call once, before threads start; later calls replace it.
/// Use spdlog::info(...), spdlog::warn(...) directly afterwards.
void SetUpLogging(const LogOptions& options);

/// A line of level error for the log file alone, if there is one: stderr has been told.
void LogToFiles(const std::string& line);

}  // namespace hearth
