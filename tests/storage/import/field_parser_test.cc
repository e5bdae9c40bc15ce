#include "storage/import/field_parser.h"

#include "tests/storage/import/import_testing.h"

namespace hearth {
namespace {

using import_testing::MessageOf;
using ::testing::AllOf;
using ::testing::HasSubstr;

/// The label, or -999 when the row was rejected.
float LabelOf(std::string_view text) {
  BadRows bad_rows(BadRowRule::kSkip, 100);
  float label = 0;
  if (!ParseLabel(text, "label", {"f", 1}, &bad_rows, &label)) return -999.0F;
  return label;
}

int64_t TimeOf(std::string_view text, int64_t units_per_second = 1) {
  BadRows bad_rows(BadRowRule::kSkip, 100);
  int64_t time = 0;
  if (!ParseTime(text, units_per_second, "time", {"f", 1}, &bad_rows, &time)) return -999;
  return time;
}

TEST(ParseLabel, TakesFiniteNumbersAlone) {
  EXPECT_EQ(LabelOf("3.5"), 3.5F);
  EXPECT_EQ(LabelOf(" -2e1 "), -20.0F);
  EXPECT_TRUE(std::isnan(LabelOf("")));
  EXPECT_TRUE(std::isnan(LabelOf("  ")));
  for (const std::string_view bad :
       {"3.5x", "x", "3,5", "nan", "inf", "-inf", "1e39", "1e999", "0x10", "3 4", "--1"}) {
    EXPECT_EQ(LabelOf(bad), -999.0F) << bad;
  }
}

TEST(ParseLabel, NamesFileLineColumnAndValue) {
  BadRows bad_rows(BadRowRule::kRefuse, 0);
  float label = 0;
  EXPECT_THAT(MessageOf<DataError>([&] {
                ParseLabel("3.5x", "rating", {"u.data", 12}, &bad_rows, &label);
              }),
              AllOf(HasSubstr("u.data:12: rating is '3.5x'"), HasSubstr("not a number")));
}

TEST(ParseTime, TakesNumbersInTheirUnitAndIsoDates) {
  EXPECT_EQ(TimeOf("978300760"), 978300760);
  EXPECT_EQ(TimeOf("978300760.9"), 978300760);
  EXPECT_EQ(TimeOf("9.783e8"), 978300000);
  EXPECT_EQ(TimeOf("978300760123", 1000), 978300760);
  EXPECT_EQ(TimeOf("0"), 0);
  EXPECT_EQ(TimeOf("1970-01-02"), 86400);
  EXPECT_EQ(TimeOf("2000-02-29 12:30:15"), 951827415);
  EXPECT_EQ(TimeOf("2000-02-29T12:30:15Z"), 951827415);
  EXPECT_EQ(TimeOf("2000-02-29 12:30"), 951827400);
}

TEST(ParseTime, RejectsWhatIsNoTimeOrOutOfRange) {
  for (const std::string_view bad :
       {"", "x", "-1", "1999-02-29", "2000-13-01", "2000-01-01 25:00", "2000-01-01x", "2000-01",
        "978300760123", "9e99", "nan", "2000-01-01 12"}) {
    EXPECT_EQ(TimeOf(bad), -999) << bad;
  }
}

TEST(ParseTime, SuspectsMilliseconds) {
  BadRows bad_rows(BadRowRule::kRefuse, 0);
  int64_t time = 0;
  EXPECT_THAT(MessageOf<DataError>([&] {
                ParseTime("978300760123", 1, "ts", {"f", 3}, &bad_rows, &time);
              }),
              HasSubstr("--time-unit ms"));
}

TEST(ParseId, DropsSpacesAndRejectsNothing) {
  BadRows bad_rows(BadRowRule::kSkip, 9);
  std::string_view id;
  EXPECT_TRUE(ParseId(" u 1 ", "user", {"f", 1}, &bad_rows, &id));
  EXPECT_EQ(id, "u 1");
  EXPECT_FALSE(ParseId("  ", "user", {"f", 1}, &bad_rows, &id));
  EXPECT_EQ(bad_rows.count(), 1);
}

}  // namespace
}  // namespace hearth
