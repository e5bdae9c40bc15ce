#include "launch/config/value.h"

#include <cmath>
#include <cstdlib>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hearth {
namespace {

using ::testing::HasSubstr;

RawValue Plain(const std::string& text) {
  RawValue raw;
  raw.text = text;
  raw.place = {"test.yaml", 1, 1, text, "/folder"};
  return raw;
}

RawValue Quoted(const std::string& text) {
  RawValue raw = Plain(text);
  raw.quoted = true;
  return raw;
}

RawValue CommandLine(const std::string& text) {
  RawValue raw = Plain(text);
  raw.place = {"", 0, 0, "key=" + text, "/work-folder"};
  return raw;
}

/// Returns "message / hint" of the refusal, or "(accepted)".
template <typename Reader>
std::string Refusal(Reader reader) {
  try {
    reader();
  } catch (const BadValue& bad) {
    return bad.hint.empty() ? bad.message : bad.message + " / " + bad.hint;
  }
  return "(accepted)";
}
std::string IntRefusal(const RawValue& raw, Range range = AnyNumber()) {
  return Refusal([&] { ReadInt(raw, range); });
}
std::string FloatRefusal(const RawValue& raw, Range range = AnyNumber()) {
  return Refusal([&] { ReadFloat(raw, range); });
}

TEST(ReadInt, ReadsDecimalDigits) {
  EXPECT_EQ(ReadInt(Plain("0"), AnyNumber()), 0);
  EXPECT_EQ(ReadInt(Plain("-12"), AnyNumber()), -12);
  EXPECT_EQ(ReadInt(Plain("9223372036854775807"), AnyNumber()),
            std::numeric_limits<int64_t>::max());
}

TEST(ReadInt, RefusesWhatReadersDisagreeOn) {
  EXPECT_EQ(
      IntRefusal(Plain("010")),
      "'010' starts with 0 / some YAML readers take it as octal; write it without the leading 0");
  EXPECT_EQ(IntRefusal(Plain("1_000")), "'1_000' has an underscore / write the digits without it");
  EXPECT_EQ(IntRefusal(Plain("1e3")), "expected an integer, found '1e3' / write 1000");
  EXPECT_EQ(IntRefusal(Plain("0x10")), "expected an integer, found '0x10'");
  EXPECT_EQ(IntRefusal(Plain("0o10")), "expected an integer, found '0o10'");
  EXPECT_EQ(IntRefusal(Plain("+5")), "expected an integer, found '+5'");
}

TEST(ReadInt, RefusesOtherTypes) {
  EXPECT_EQ(IntRefusal(Plain("5.5")), "expected an integer, found '5.5'");
  EXPECT_EQ(IntRefusal(Plain("five")), "expected an integer, found 'five'");
  EXPECT_EQ(IntRefusal(Plain("")), "expected an integer, found ''");
  EXPECT_EQ(IntRefusal(Plain("true")), "expected an integer, found 'true'");
  EXPECT_EQ(IntRefusal(Quoted("5")),
            "expected an integer, found the string \"5\" / remove the quotes");
  EXPECT_EQ(IntRefusal(Plain("9223372036854775808")),
            "expected an integer, found '9223372036854775808'");
  RawValue raw = Plain("");
  raw.kind = RawValue::Kind::kEmpty;
  EXPECT_EQ(
      IntRefusal(raw),
      "expected an integer, found no value / give a value, or remove the line to get the default");
  raw.kind = RawValue::Kind::kList;
  EXPECT_EQ(IntRefusal(raw), "expected an integer, found a list");
  raw.kind = RawValue::Kind::kSection;
  EXPECT_EQ(IntRefusal(raw), "expected an integer, found a section");
}

TEST(ReadInt, RefusesOutOfRangeNamingTheRange) {
  EXPECT_EQ(IntRefusal(Plain("0"), AtLeast(1)), "0 is out of range: must be >= 1");
  EXPECT_EQ(IntRefusal(Plain("-1"), Between(0, 9)), "-1 is out of range: must be 0 to 9");
  EXPECT_EQ(IntRefusal(Plain("10"), Between(0, 9)), "10 is out of range: must be 0 to 9");
  EXPECT_EQ(IntRefusal(Plain("9"), Between(0, 9)), "(accepted)");
}

TEST(ReadFloat, ReadsDecimalNumbers) {
  EXPECT_EQ(ReadFloat(Plain("0.02"), AnyNumber()), 0.02);
  EXPECT_EQ(ReadFloat(Plain("1e-3"), AnyNumber()), 1e-3);
  EXPECT_EQ(ReadFloat(Plain("5"), AnyNumber()), 5.0);
}

TEST(ReadFloat, RefusesWhatIsNotFinite) {
  for (const char* text : {".nan", ".inf", "-.inf", "nan", "inf", "infinity"}) {
    EXPECT_EQ(FloatRefusal(Plain(text)), fmt::format("expected a finite number, found '{}'", text));
  }
  EXPECT_EQ(FloatRefusal(Plain("1e999")), "expected a number, found '1e999'");
}

TEST(ReadFloat, OpenBoundsDoNotBelongToTheRange) {
  EXPECT_EQ(FloatRefusal(Plain("0"), Above(0)), "0 is out of range: must be > 0");
  EXPECT_EQ(FloatRefusal(Plain("1"), HalfOpen(0, 1)), "1 is out of range: must be >= 0 and < 1");
  EXPECT_EQ(FloatRefusal(Plain("0"), HalfOpen(0, 1)), "(accepted)");
}

TEST(ReadBool, OnlyTrueAndFalse) {
  EXPECT_TRUE(ReadBool(Plain("true")));
  EXPECT_FALSE(ReadBool(Plain("false")));
  for (const char* text : {"yes", "no", "on", "True", "1", ""}) {
    EXPECT_EQ(Refusal([&] { ReadBool(Plain(text)); }),
              fmt::format("expected true or false, found '{}'", text));
  }
}

TEST(ReadSteps, TakesANumberWithOrWithoutUnit) {
  EXPECT_EQ(ReadSteps(Plain("500"), AnyNumber()), 500);
  EXPECT_EQ(ReadSteps(Plain("500step"), AnyNumber()), 500);
  EXPECT_EQ(ReadSteps(Plain("1steps"), AnyNumber()), 1);
  EXPECT_THAT(Refusal([] { ReadSteps(Plain("2epoch"), AnyNumber()); }),
              HasSubstr("expected a number of steps, found '2epoch' / write 500 or 500step"));
  EXPECT_THAT(Refusal([] { ReadSteps(Plain("step"), AnyNumber()); }),
              HasSubstr("expected an integer, found ''"));
  EXPECT_THAT(Refusal([] { ReadSteps(Plain("0step"), AtLeast(1)); }), HasSubstr("must be >= 1"));
}

TEST(ReadDuration, KnowsItsUnits) {
  EXPECT_EQ(ReadDuration(Plain("30"), AnyNumber()), 30);
  EXPECT_EQ(ReadDuration(Plain("30s"), AnyNumber()), 30);
  EXPECT_EQ(ReadDuration(Plain("10min"), AnyNumber()), 600);
  EXPECT_EQ(ReadDuration(Plain("1.5h"), AnyNumber()), 5400);
  EXPECT_EQ(ReadDuration(Plain("2d"), AnyNumber()), 172800);
  EXPECT_EQ(Refusal([] { ReadDuration(Plain("10m"), AnyNumber()); }),
            "'10m' has the unknown unit 'm' / units: s, min, h, d");
  EXPECT_EQ(Refusal([] { ReadDuration(Plain("soon"), AnyNumber()); }),
            "expected a number, found 'soon'");
  EXPECT_EQ(Refusal([] { ReadDuration(Plain("-5s"), AtLeast(0)); }),
            "-5s is out of range: must be >= 0");
}

TEST(ReadName, SuggestsTheNearest) {
  EXPECT_EQ(ReadName(Plain("fast"), {"exact", "fast"}), 1u);
  EXPECT_EQ(Refusal([] {
              ReadName(Plain("exakt"), {"exact", "fast"});
            }),
            "'exakt' is not one of exact, fast (did you mean 'exact'?)");
  EXPECT_EQ(Refusal([] {
              ReadName(Plain("ring"), {"exact", "fast"});
            }),
            "'ring' is not one of exact, fast");
}

TEST(ReadPath, IsRelativeToWhereItWasWritten) {
  EXPECT_EQ(ReadPath(Plain("shards")), "/folder/shards");
  EXPECT_EQ(ReadPath(Plain("../shards/")), "/shards");
  EXPECT_EQ(ReadPath(Plain("/data/x")), "/data/x");
  EXPECT_EQ(ReadPath(Plain(".")), "/folder");
  EXPECT_EQ(ReadPath(Plain("")), "");
  EXPECT_EQ(ReadPath(CommandLine("shards")), "/work-folder/shards");
}

TEST(ReadPath, ReplacesEnvironmentVariables) {
  setenv("HEARTH_VALUE_TEST", "/data", 1);
  EXPECT_EQ(ReadPath(Plain("${HEARTH_VALUE_TEST}/ml")), "/data/ml");
  unsetenv("HEARTH_VALUE_TEST");
  EXPECT_EQ(Refusal([] { ReadPath(Plain("${HEARTH_VALUE_TEST}/ml")); }),
            "environment variable 'HEARTH_VALUE_TEST' is not set / set it, or write the path out");
  EXPECT_EQ(Refusal([] { ReadPath(Plain("${HEARTH")); }), "'${' without '}'");
}

TEST(ReadString, RefusesLineBreaks) {
  EXPECT_EQ(Refusal([] { ReadString(Quoted("a\nb")); }), "a line break or control character");
}

TEST(ReadList, IsABracketInFilesAndCommasOnTheCommandLine) {
  EXPECT_EQ(ReadList(CommandLine("64,32")).size(), 2u);
  EXPECT_EQ(ReadList(CommandLine("64, 32"))[1].text, "32");
  EXPECT_TRUE(ReadList(CommandLine("")).empty());
  EXPECT_EQ(Refusal([] { ReadList(Plain("64")); }), "expected a list, found '64' / write [64]");
}

TEST(WriteFloat, ReadsBackAsTheSameBits) {
  for (const double value : {0.1, 1.0 / 3, 1e-300, 1e22, 123456789.0, -0.5, 5e-324}) {
    EXPECT_EQ(ReadFloat(Plain(WriteFloat(value)), AnyNumber()), value);
  }
  EXPECT_EQ(WriteFloat(1.0), "1.0");
}

TEST(WriteDuration, UsesTheLargestWholeUnit) {
  EXPECT_EQ(WriteDuration(0), "0s");
  EXPECT_EQ(WriteDuration(600), "10min");
  EXPECT_EQ(WriteDuration(90), "90s");
  EXPECT_EQ(WriteDuration(7200), "2h");
  EXPECT_EQ(WriteDuration(0.5), "0.5s");
  for (const double seconds : {0.0, 0.1, 59.5, 60.0, 5400.0, 86400.0}) {
    EXPECT_EQ(ReadDuration(Plain(WriteDuration(seconds)), AnyNumber()), seconds);
  }
}

}  // namespace
}  // namespace hearth
