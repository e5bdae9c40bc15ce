#include "storage/shard/part.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/error.h"

namespace hearth {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

TEST(Part, NamesRoundTripAndAreInOrder) {
  std::vector<std::string> names;
  for (const Part part : AllParts()) {
    EXPECT_EQ(ParsePart(NameOf(part)), part);
    names.push_back(NameOf(part));
  }
  EXPECT_THAT(
      names, ::testing::ElementsAre("train", "validation/non_cold", "validation/user_cold",
                                    "validation/item_cold", "validation/both_cold", "test/non_cold",
                                    "test/user_cold", "test/item_cold", "test/both_cold"));
}

TEST(Part, UnknownNamesAreRefusedWithTheLegalOnes) {
  EXPECT_THAT([] { ParsePart("test"); }, ThrowsMessage<DataError>(HasSubstr("SPLIT/SCENARIO")));
  EXPECT_THAT([] { ParsePart("tset/user_cold"); },
              ThrowsMessage<DataError>(HasSubstr("unknown split 'tset'")));
  EXPECT_THAT([] { ParsePart("test/usercold"); },
              ThrowsMessage<DataError>(HasSubstr("did you mean 'user_cold'")));
  EXPECT_THROW(ParseSplit(""), DataError);
  EXPECT_THROW(ParseScenario("cold"), DataError);
}

}  // namespace
}  // namespace hearth
