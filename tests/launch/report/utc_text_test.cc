#include "launch/report/utc_text.h"

#include <gtest/gtest.h>

namespace hearth {
namespace {

TEST(UtcText, ShowsDatesAndFallsBackToNumbers) {
  EXPECT_EQ(UtcText(0), "1970-01-01 00:00");
  EXPECT_EQ(UtcText(978'300'760), "2000-12-31 22:12");
  EXPECT_EQ(UtcText(-1), "1969-12-31 23:59");
  EXPECT_EQ(UtcText(INT64_MAX), "9223372036854775807");
  EXPECT_EQ(UtcText(INT64_MIN), "-9223372036854775808");
}

}  // namespace
}  // namespace hearth
