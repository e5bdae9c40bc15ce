#pragma once

#include <string>

namespace hearth {

/// exit.json: why a job ended. Launchers lose exit codes (srun and mpirun report 137, 143, 1 or 9
/// for a killed job), so batch scripts read this file.
struct ExitRecord {
  int code = 0;
  int rank = 0;
  std::string host;
  std::string message;
};

/// Writes RUN/exit.json unless it exists. Returns whether this call wrote it, so that of several
/// failing ranks exactly one speaks. When the folder cannot be written: true (better two messages
/// than none).
bool WriteExitFile(const std::string& run_folder, const ExitRecord& record);

/// The same for a rank that ends in a signal handler (storage/file/fault_report.h), which adds its
/// message; that of `record` is left out.
void PrepareExitFile(const std::string& run_folder, const ExitRecord& record);

/// Removes what an earlier start left; no error when there is nothing.
void RemoveExitFile(const std::string& run_folder);

}  // namespace hearth
