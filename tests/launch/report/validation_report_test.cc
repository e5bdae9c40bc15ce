#include "launch/report/validation_report.h"

#include <gtest/gtest.h>

namespace hearth {
namespace {

TEST(ValidationReportText, ListsProblemsAndCloses) {
  const ValidationReport report{
      .problems = {{Severity::kError, "label 9 is too large"}, {Severity::kWarning, "no events"}},
      .error_count = 4,
      .warning_count = 1,
      .file_count = 2,
      .task_count = 3,
      .event_count = 5};
  EXPECT_EQ(ToText(report),
            "error: label 9 is too large\n"
            "warning: no events\n"
            "2 files, 3 tasks, 5 events checked: 4 errors, 1 warnings\n");
}

TEST(ValidationReportText, OfASoundDataSetIsItsCounts) {
  EXPECT_EQ(ToText(ValidationReport{}),
            "0 files, 0 tasks, 0 events checked: 0 errors, 0 warnings\n");
}

}  // namespace
}  // namespace hearth
