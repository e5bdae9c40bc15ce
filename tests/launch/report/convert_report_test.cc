#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "launch/report/convert_report_text.h"

namespace hearth {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(ConvertReportText, NamesTheColumnsOfSideFilesThatMakeNoFeature) {
  ConvertReport report;
  report.notes = {"table: a JSON object per line"};
  report.side_files = {{.path = "meta.json", .rows = 9, .matched = 7, .unmatched_id = "B00"}};
  EXPECT_THAT(TextOf(report, "data"),
              AllOf(HasSubstr("a JSON object per line"), HasSubstr("meta.json: 9 rows, 7 of them"),
                    HasSubstr("2 do not, the first is 'B00'"), Not(HasSubstr("not used"))));
  report.side_files[0].repeated = 3;
  EXPECT_THAT(TextOf(report, "data"), HasSubstr("; 3 equal an earlier row of the same id"));
  report.side_files[0].unused = {"images", "details"};
  EXPECT_THAT(TextOf(report, "data"), HasSubstr("columns not used: images, details"));
}

}  // namespace
}  // namespace hearth
