#include "common/error.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hearth {
namespace {

template <typename Thrown>
int CodeOf() {
  try {
    throw Thrown("text");
  } catch (const Error& error) {
    return static_cast<int>(error.code());
  }
}

// Batch scripts rely on these numbers (docs/errors.md).
TEST(Error, EveryClassHasItsExitCode) {
  EXPECT_EQ(CodeOf<UsageError>(), 64);
  EXPECT_EQ(CodeOf<DataError>(), 65);
  EXPECT_EQ(CodeOf<CommError>(), 69);
  EXPECT_EQ(CodeOf<NumericError>(), 70);
  EXPECT_EQ(CodeOf<StorageError>(), 74);
  EXPECT_EQ(CodeOf<PermissionError>(), 77);
  EXPECT_EQ(CodeOf<ConfigError>(), 78);
  EXPECT_EQ(static_cast<int>(ExitCode::kOk), 0);
  EXPECT_EQ(static_cast<int>(ExitCode::kStopped), 75);
  EXPECT_EQ(static_cast<int>(ExitCode::kGateRefused), 76);
}

/// The class that ThrowErrorOf() throws for a code.
template <typename Expected>
bool ThrowsClass(ExitCode code) {
  try {
    ThrowErrorOf(code, "rank 3: {} as it was");
  } catch (const Expected& error) {
    return std::string(error.what()) == "rank 3: {} as it was";
  } catch (const Error&) {
    return false;
  }
}

TEST(Error, AReportedCodeIsThrownAsTheClassItCameFrom) {
  EXPECT_TRUE(ThrowsClass<UsageError>(ExitCode::kUsage));
  EXPECT_TRUE(ThrowsClass<DataError>(ExitCode::kData));
  EXPECT_TRUE(ThrowsClass<CommError>(ExitCode::kComm));
  EXPECT_TRUE(ThrowsClass<NumericError>(ExitCode::kNumeric));
  EXPECT_TRUE(ThrowsClass<StorageError>(ExitCode::kStorage));
  EXPECT_TRUE(ThrowsClass<PermissionError>(ExitCode::kPermission));
  EXPECT_TRUE(ThrowsClass<ConfigError>(ExitCode::kConfig));
}

TEST(Error, AReportedCodeThatIsNoErrorIsABug) {
  for (const int code : {0, 1, 75, 76, 255}) {
    EXPECT_TRUE(ThrowsClass<NumericError>(static_cast<ExitCode>(code))) << code;
  }
}

TEST(Error, ArgumentsAreFormatted) {
  EXPECT_STREQ(DataError("{}:{}: bad label '{}'", "u.data", 7, "x").what(),
               "u.data:7: bad label 'x'");
}

TEST(Error, AMessageAloneIsTakenAsItIs) {
  EXPECT_STREQ(ConfigError("a {brace} of the user's").what(), "a {brace} of the user's");
  const std::string message = "100 % of {}";
  EXPECT_STREQ(UsageError(message).what(), message.c_str());
}

TEST(Error, IsCaughtAsAStandardException) {
  EXPECT_THROW(throw CommError("rank {} is lost", 3), std::runtime_error);
}

TEST(CheckDeathTest, EndsTheProcessWithCode70AndNamesTheExpression) {
  const int rows = 3;
  EXPECT_EXIT(HEARTH_CHECK(rows == 4), ::testing::ExitedWithCode(70),
              "internal error at .*error_test.cc:[0-9]+: check failed: rows == 4");
}

TEST(CheckDeathTest, PrintsTheDetail) {
  const int rows = 3;
  EXPECT_EXIT(HEARTH_CHECK(rows == 4, "rows {} of {}", rows, 4), ::testing::ExitedWithCode(70),
              "check failed: rows == 4: rows 3 of 4");
}

TEST(Check, LetsATrueExpressionPassAndEvaluatesItOnce) {
  int evaluations = 0;
  HEARTH_CHECK(++evaluations == 1, "evaluated {} times", evaluations);
  EXPECT_EQ(evaluations, 1);
}

}  // namespace
}  // namespace hearth
