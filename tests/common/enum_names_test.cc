#include "common/enum_names.h"

#include <gtest/gtest.h>

#include "common/error.h"
#include "tests/tools/message_of.h"

namespace hearth {
namespace {

enum class Colour { kRed, kGreen };
constexpr std::array<std::string_view, 2> kNames = {"red", "green"};

TEST(EnumNames, TheNumberOfAnEnumeratorIsThePlaceOfItsName) {
  EXPECT_EQ((ParseEnum<Colour, DataError>("colour", "red", kNames)), Colour::kRed);
  EXPECT_EQ((ParseEnum<Colour, DataError>("colour", "green", kNames)), Colour::kGreen);
}

TEST(EnumNames, OtherNamesAreRefusedWithTheLegalOnes) {
  EXPECT_EQ(MessageOf<UsageError>([] { ParseEnum<Colour, UsageError>("colour", "gren", kNames); }),
            "unknown colour 'gren' (did you mean 'green'?): legal are red, green");
  EXPECT_EQ(MessageOf<DataError>([] { ParseEnum<Colour, DataError>("colour", "", kNames); }),
            "unknown colour '': legal are red, green");
}

}  // namespace
}  // namespace hearth
