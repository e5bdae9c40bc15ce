#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace hearth {

/// What a process that ends in a signal handler tells its launcher: everything but the message.
struct FaultReport {
  std::string prefix;         ///< of the line on stderr, such as "[rank 3 on node7] "
  std::string path;           ///< of a file to make, unless it exists
  std::string before, after;  ///< its text; the message between them is the inside of a JSON string
};

/// From now on for every fault. Any thread.
void SetFaultReport(FaultReport report);
/// Faults are told on stderr alone from now on. Any thread.
void ClearFaultReport();

/// Says the parts of a message on stderr and leaves the file. Async-signal-safe. Failures are
/// dropped: there is nobody left to tell.
void ReportFault(std::initializer_list<std::string_view> message);

}  // namespace hearth
