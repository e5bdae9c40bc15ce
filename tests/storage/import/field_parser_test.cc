#include "storage/import/field_parser.h"

#include "tests/storage/import/import_testing.h"

namespace hearth {
namespace {

using import_testing::MessageOf;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

/// The label, or -999 when the row was rejected.
float LabelOf(std::string_view text) {
  BadRows bad_rows(BadRowRule::kSkip, 100);
  float label = 0;
  if (!ParseLabel(text, "label", {"f", 1}, &bad_rows, &label)) return -999.0F;
  return label;
}

// Seconds, or -999 for a rejected text.
int64_t TimeOf(std::string_view text, TimeUnit unit = TimeUnit::kSeconds,
               int32_t* nanoseconds = nullptr) {
  BadRows bad_rows(BadRowRule::kSkip, 100);
  int64_t seconds = 0;
  int32_t rest = 0;
  if (!ParseTime(text, unit, "time", {"f", 1}, &bad_rows, &seconds, &rest)) return -999;
  if (nanoseconds != nullptr) *nanoseconds = rest;
  return seconds;
}

std::string RefusalOf(std::string_view text, TimeUnit unit) {
  BadRows bad_rows(BadRowRule::kRefuse, 0);
  int64_t seconds = 0;
  int32_t nanoseconds = 0;
  return MessageOf<DataError>([&] {
    ParseTime(text, unit, "ts", {"f", 3}, &bad_rows, &seconds, &nanoseconds);
  });
}

TEST(ParseLabel, TakesFiniteNumbersAlone) {
  EXPECT_EQ(LabelOf("3.5"), 3.5F);
  EXPECT_EQ(LabelOf(" -2e1 "), -20.0F);
  EXPECT_TRUE(std::isnan(LabelOf("")));
  EXPECT_TRUE(std::isnan(LabelOf("  ")));
  for (const std::string_view bad : {"3.5x", "x", "3,5", "inf", "+-3", "++3", "+", "-inf", "1e39",
                                     "1e999", "0x10", "3 4", "--1"}) {
    EXPECT_EQ(LabelOf(bad), -999.0F) << bad;
  }
}

TEST(ParseLabel, TakesTrueAndFalse) {
  for (const std::string_view yes : {"true", "True", "TRUE", " true "}) {
    EXPECT_EQ(LabelOf(yes), 1.0F) << yes;
  }
  for (const std::string_view no : {"false", "False", "FALSE"}) EXPECT_EQ(LabelOf(no), 0.0F) << no;
  for (const std::string_view bad : {"t", "yes", "tRUE", "+true", "true1"}) {
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
  EXPECT_EQ(TimeOf("978300760123", TimeUnit::kMilliseconds), 978300760);
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

TEST(ParseTime, KeepsTheFractionOfASecond) {
  int32_t ns = -1;
  EXPECT_EQ(TimeOf("978300760123", TimeUnit::kMilliseconds, &ns), 978300760);
  EXPECT_EQ(ns, 123'000'000);
  EXPECT_EQ(TimeOf("978300760123456", TimeUnit::kMicroseconds, &ns), 978300760);
  EXPECT_EQ(ns, 123'456'000);
  EXPECT_EQ(TimeOf("978300760123456789", TimeUnit::kNanoseconds, &ns), 978300760);
  EXPECT_EQ(ns, 123'456'789);
  EXPECT_EQ(TimeOf("978300760.5", TimeUnit::kSeconds, &ns), 978300760);
  EXPECT_EQ(ns, 500'000'000);
  EXPECT_EQ(TimeOf("2000-02-29T12:30:15.25Z", TimeUnit::kSeconds, &ns), 951827415);
  EXPECT_EQ(ns, 250'000'000);
  EXPECT_EQ(TimeOf("2000-02-29 12:30:15,1234567891", TimeUnit::kSeconds, &ns), 951827415);
  EXPECT_EQ(ns, 123'456'789);
}

TEST(ParseTime, TakesOffsetsFromUtc) {
  for (const std::string_view same :
       {"2000-02-29T12:30:15+02:00", "2000-02-29 12:30:15 +0200", "2000-02-29 12:30:15+02",
        "2000/02/29 12:30:15+02:00", "2000-02-29T07:00:15.0-03:30", "2000-02-29 10:30:15 UTC",
        "2000-02-29t10:30:15z"}) {
    EXPECT_EQ(TimeOf(same), 951827415 - 7200) << same;
  }
  for (const std::string_view bad :
       {"2000-02-29T12:30:15+", "2000-02-29T12:30:15+2", "2000-02-29T12:30:15+02:0",
        "2000-02-29T12:30:15+02:60", "2000-02-29T12:30:15+24:00", "2000-02-29T12:30:15.",
        "2000-02-29T12:30:15 EST", "1970-01-01T00:00:00+01:00", "9999-12-31", "2000-02-29+02:00"}) {
    EXPECT_EQ(TimeOf(bad), -999) << bad;
  }
}

TEST(ParseTime, TakesDigitsOfADateInTheirUnitAlone) {
  EXPECT_EQ(TimeOf("20000229", TimeUnit::kDate), 951782400);
  EXPECT_EQ(TimeOf("200002291230", TimeUnit::kDate), 951827400);
  EXPECT_EQ(TimeOf("20000229123015", TimeUnit::kDate), 951827415);
  EXPECT_EQ(TimeOf("2000-02-29", TimeUnit::kDate), 951782400);
  EXPECT_EQ(TimeOf("20000229", TimeUnit::kSeconds), 20000229);
  for (const std::string_view bad : {"20000230", "19690101", "22000101", "2000022", "951782400"}) {
    EXPECT_EQ(TimeOf(bad, TimeUnit::kDate), -999) << bad;
  }
}

TEST(ParseTime, TakesDigitsOfAnHourInTheirUnitAlone) {
  EXPECT_EQ(TimeOf("14102100", TimeUnit::kHour), 1413849600);
  EXPECT_EQ(TimeOf("00022912", TimeUnit::kHour), 951825600);
  EXPECT_EQ(TimeOf("2000-02-29 12:00", TimeUnit::kHour), 951825600);
  for (const std::string_view bad : {"14102124", "14023000", "14130100", "1410210", "141021000",
                                     "-4102100", "", "1410210x", "978300760"}) {
    EXPECT_EQ(TimeOf(bad, TimeUnit::kHour), -999) << bad;
  }
  EXPECT_EQ(TimeOf("14102100"), 14102100);
}

TEST(ParseTime, NamesTheUnitThatFits) {
  using enum TimeUnit;
  EXPECT_THAT(RefusalOf("978300760123", kSeconds), HasSubstr("--time-unit ms;"));
  EXPECT_THAT(RefusalOf("978300760123456", kSeconds), HasSubstr("--time-unit us;"));
  EXPECT_THAT(RefusalOf("978300760123456", kMilliseconds), HasSubstr("--time-unit us;"));
  EXPECT_THAT(RefusalOf("978300760123456789", kMicroseconds), HasSubstr("--time-unit ns;"));
  EXPECT_THAT(RefusalOf("9e22", kSeconds), Not(HasSubstr("--time-unit")));
}

TEST(GuessTimeUnit, TakesTheUnitOfTheLargestNumber) {
  const auto guess = [](const std::vector<std::string>& texts) { return GuessTimeUnit(texts); };
  using enum TimeUnit;
  EXPECT_EQ(guess({"0", "978300760", "nan", "2001-01-01"}), kSeconds);
  EXPECT_EQ(guess({"5", "978300760123"}), kMilliseconds);
  EXPECT_EQ(guess({"978300760123456"}), kMicroseconds);
  EXPECT_EQ(guess({"978300760123456789", "1"}), kNanoseconds);
  EXPECT_EQ(guess({"20200913", " 20200914 "}), kDate);
  EXPECT_EQ(guess({"20200913122640"}), kDate);
  EXPECT_EQ(guess({"20200913", "20200999"}), kSeconds) << "one is no date";
  EXPECT_EQ(guess({"2020-09-13", ""}), kSeconds);
  EXPECT_EQ(guess({}), kSeconds);
}

TEST(ParseTimeUnit, KnowsItsNames) {
  for (const std::string_view name : {"s", "ms", "us", "ns", "date", "yymmddhh"}) {
    EXPECT_EQ(NameOf(ParseTimeUnit(name)), name);
  }
  EXPECT_THROW(ParseTimeUnit("m"), UsageError);
}

TEST(ParseLabel, TakesTheMarkersOfMissingValues) {
  for (const std::string_view missing :
       {"NaN", "nan", "NA", "N/A", "null", "NULL", "None", "\\N", "<NA>", " NA "}) {
    EXPECT_TRUE(std::isnan(LabelOf(missing))) << missing;
  }
  EXPECT_EQ(LabelOf("+5"), 5.0F);
  EXPECT_EQ(LabelOf("+.5e1"), 5.0F);
}

TEST(ParseId, TakesNoMarkerOfAMissingValueForAnId) {
  BadRows bad_rows(BadRowRule::kSkip, 9);
  std::string_view id;
  for (const std::string_view missing : {"NULL", "null", "NaN", "None", "\\N"}) {
    EXPECT_FALSE(ParseId(missing, "user", {"f", 1}, &bad_rows, &id)) << missing;
  }
  EXPECT_TRUE(ParseId("NA", "user", {"f", 1}, &bad_rows, &id)) << "Namibia";
  EXPECT_TRUE(ParseId("none", "user", {"f", 1}, &bad_rows, &id));
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
