#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace hearth {

/// A report to the launcher from a process that ends in a signal handler. The message itself comes
/// later.
struct FaultReport {
  std::string prefix;         ///< of the line on stderr, such as "[rank 3 on node7] "
  std::string path;           ///< of a file to make, unless it exists
  std::string before, after;  ///< its text around the message, escaped as a JSON string
};

/// Applies to every fault from now on. Any thread may call this.
void SetFaultReport(FaultReport report);
/// Reports faults on stderr alone from now on. Any thread may call this.
void ClearFaultReport();

/// Writes the pieces of a message to stderr, and the file of the report. Async-signal-safe. Ignores
/// failures: nobody is left to hear of them.
void ReportFault(std::initializer_list<std::string_view> message);

}  // namespace hearth
