#include "launch/report/validation_report.h"

#include <fmt/format.h>

namespace hearth {

std::string ToText(const ValidationReport& report) {
  std::string text;
  for (const Problem& problem : report.problems) {
    text += problem.severity == Severity::kError ? "error: " : "warning: ";
    text += problem.text + "\n";
  }
  return text + fmt::format("{} files, {} tasks, {} events checked: {} errors, {} warnings\n",
                            report.file_count, report.task_count, report.event_count,
                            report.error_count, report.warning_count);
}

}  // namespace hearth
