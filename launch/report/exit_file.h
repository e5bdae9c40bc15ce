#pragma once

#include <string>

namespace hearth {

/// The contents of exit.json: the reason for the end of a job. Launchers lose exit codes (srun and
/// mpirun report 137, 143, 1 or 9 for a killed job), so batch scripts read this file.
struct ExitRecord {
  int code = 0;
  int rank = 0;
  std::string host;
  std::string message;
};

/// Writes RUN/exit.json unless it exists. Returns true if this call wrote it, so that exactly one
/// of several failing ranks prints its message. Also returns true if the folder cannot be written:
/// two messages are better than none.
bool WriteExitFile(const std::string& run_folder, const ExitRecord& record);

/// Prepares the same file for a rank that ends in a signal handler (storage/file/fault_report.h).
/// The handler adds its own message; the message of `record` is not used.
void PrepareExitFile(const std::string& run_folder, const ExitRecord& record);

/// Removes the file of an earlier start. A missing file is no error.
void RemoveExitFile(const std::string& run_folder);

}  // namespace hearth
