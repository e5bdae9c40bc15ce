#include "common/text.h"

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hearth {
namespace {

using ::testing::ElementsAre;

const std::vector<std::string> kKeys = {"inner_steps", "inner_lr", "method", "first_order"};

TEST(NearestName, FindsTheNameBehindATypo) {
  EXPECT_EQ(NearestName("inner_step", kKeys), "inner_steps");    // a letter short
  EXPECT_EQ(NearestName("inner_stepss", kKeys), "inner_steps");  // a letter too many
  EXPECT_EQ(NearestName("metjod", kKeys), "method");             // another letter
  EXPECT_EQ(NearestName("methdo", kKeys), "method");             // two letters swapped
  EXPECT_EQ(NearestName("method", kKeys), "method");
  EXPECT_EQ(NearestName("trian", {"eval", "train"}), "train");  // a swap counts as one error
}

TEST(NearestName, FindsNothingWhenNothingIsNear) {
  EXPECT_EQ(NearestName("learning_rate", kKeys), "");
  EXPECT_EQ(NearestName("", kKeys), "");
  EXPECT_EQ(NearestName("method", {}), "");
}

TEST(NearestName, AWordOfOneNameAloneStandsForIt) {
  const std::vector<std::string> models = {"embedding_dot", "embedding_mlp"};
  EXPECT_EQ(NearestName("mlp", models), "embedding_mlp");
  EXPECT_EQ(NearestName("dot", models), "embedding_dot");
  EXPECT_EQ(NearestName("em", models), "");    // no whole word
  EXPECT_EQ(NearestName("inner", kKeys), "");  // a word of two names
}

TEST(NearestName, TakesTheNearestAndOfEqualsTheFirst) {
  EXPECT_EQ(NearestName("abcdeg", {"abcdxy", "abcdef"}), "abcdef");
  EXPECT_EQ(NearestName("abcdeg", {"abcdex", "abcdey"}), "abcdex");
}

TEST(NearestName, ALetterOfAShortNameMayBeWrong) {
  EXPECT_EQ(NearestName("ip", {"id"}), "id");
  EXPECT_EQ(NearestName("xy", {"id"}), "");
}

TEST(DidYouMean, IsReadyToAppend) {
  EXPECT_EQ(DidYouMean("inner_step", kKeys), " (did you mean 'inner_steps'?)");
  EXPECT_EQ(DidYouMean("learning_rate", kKeys), "");
}

TEST(SplitText, KeepsEmptyParts) {
  EXPECT_THAT(SplitText("a,b,c", ","), ElementsAre("a", "b", "c"));
  EXPECT_THAT(SplitText(",a,,", ","), ElementsAre("", "a", "", ""));
  EXPECT_THAT(SplitText("", ","), ElementsAre(""));
  EXPECT_THAT(SplitText("abc", ","), ElementsAre("abc"));
}

TEST(SplitText, TakesSeparatorsOfSeveralCharacters) {
  EXPECT_THAT(SplitText("1::1193::5::978300760", "::"), ElementsAre("1", "1193", "5", "978300760"));
  EXPECT_THAT(SplitText("a:::b", "::"), ElementsAre("a", ":b"));
}

TEST(Trim, TakesSpaceOffBothEndsOnly) {
  EXPECT_EQ(Trim(" \t a b \r\n"), "a b");
  EXPECT_EQ(Trim("ab"), "ab");
  EXPECT_EQ(Trim(" \n"), "");
  EXPECT_EQ(Trim(""), "");
}

TEST(Join, PutsTheSeparatorBetween) {
  EXPECT_EQ(Join({"a", "b", "c"}, ", "), "a, b, c");
  EXPECT_EQ(Join({"a"}, ", "), "a");
  EXPECT_EQ(Join({}, ", "), "");
}

TEST(FormatBytes, UsesDecimalUnitsAndThreeDigits) {
  EXPECT_EQ(FormatBytes(0), "0 B");
  EXPECT_EQ(FormatBytes(999), "999 B");
  EXPECT_EQ(FormatBytes(1000), "1 KB");
  EXPECT_EQ(FormatBytes(1500000000), "1.5 GB");
  EXPECT_EQ(FormatBytes(320000), "320 KB");
  EXPECT_EQ(FormatBytes(999400), "999 KB");
  EXPECT_EQ(FormatBytes(999600), "1 MB");  // never "1e+03 KB"
  EXPECT_EQ(FormatBytes(std::numeric_limits<int64_t>::max()), "9.22e+03 PB");
}

TEST(FormatDuration, UsesTheTwoLargestUnits) {
  EXPECT_EQ(FormatDuration(0.2), "0 s");
  EXPECT_EQ(FormatDuration(12.0), "12 s");
  EXPECT_EQ(FormatDuration(59.4), "59 s");
  EXPECT_EQ(FormatDuration(59.6), "1 min 00 s");
  EXPECT_EQ(FormatDuration(185.0), "3 min 05 s");
  EXPECT_EQ(FormatDuration(3720.0), "1 h 02 min");
  EXPECT_EQ(FormatDuration(100 * 3600.0), "100 h 00 min");
}

TEST(ParseInt64, TakesExactlyOneNumber) {
  int64_t value = 0;
  EXPECT_TRUE(ParseInt64("42", &value));
  EXPECT_EQ(value, 42);
  EXPECT_TRUE(ParseInt64("-7", &value));
  EXPECT_EQ(value, -7);
  EXPECT_TRUE(ParseInt64("010", &value));  // ten: never octal
  EXPECT_EQ(value, 10);
  EXPECT_TRUE(ParseInt64("9223372036854775807", &value));
  EXPECT_EQ(value, std::numeric_limits<int64_t>::max());
}

TEST(ParseInt64, RefusesEverythingElse) {
  int64_t value = 0;
  for (const char* text :
       {"", " 1", "1 ", "+1", "1.0", "1e3", "0x10", "1_000", "abc", "-", "9223372036854775808"}) {
    EXPECT_FALSE(ParseInt64(text, &value)) << "'" << text << "'";
  }
}

TEST(ParseDouble, TakesExactlyOneNumber) {
  double value = 0.0;
  EXPECT_TRUE(ParseDouble("4.5", &value));
  EXPECT_EQ(value, 4.5);
  EXPECT_TRUE(ParseDouble("-1e-3", &value));
  EXPECT_EQ(value, -1e-3);
  EXPECT_TRUE(ParseDouble("5", &value));
  EXPECT_EQ(value, 5.0);
}

TEST(ParseDouble, RefusesEverythingElse) {
  double value = 0.0;
  for (const char* text : {"", " 1.5", "1.5 ", "+1.5", "1,5", "4.5stars", ".", "1e999"}) {
    EXPECT_FALSE(ParseDouble(text, &value)) << "'" << text << "'";
  }
}

}  // namespace
}  // namespace hearth
