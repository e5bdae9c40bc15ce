#include "storage/file/json_fields.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/error.h"

namespace hearth {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

TEST(JsonFields, GivesEachFieldOnceAskedFor) {
  const auto value = ParseJson(
      R"({"flag": true, "count": 3, "share": 2, "text": "t", "hash": "0a", "list": [], "map": {}})",
      4, "here");
  JsonFields fields(value, "here");
  EXPECT_TRUE(fields.Bool("flag"));
  EXPECT_EQ(fields.Int("count", 0, 3), 3);
  EXPECT_EQ(fields.Number("share"), 2);
  EXPECT_EQ(fields.Text("text"), "t");
  EXPECT_EQ(fields.Hex("hash", 2), "0a");
  EXPECT_TRUE(fields.Array("list").empty());
  EXPECT_THAT([&] { fields.Finish(); }, ThrowsMessage<DataError>(HasSubstr("here: 'map'")));
  EXPECT_TRUE(fields.Object("map").empty());
  fields.Finish();
}

TEST(JsonFields, RefusesOtherTypesRangesAndMissingFields) {
  const auto value =
      ParseJson(R"({"text": "t", "big": 18446744073709551615, "hash": "0A"})", 4, "x");
  JsonFields fields(value, "x");
  EXPECT_THAT([&] { fields.Int("big", 0, INT64_MAX); },
              ThrowsMessage<DataError>(HasSubstr("'big' is 18446744073709551615, expected")));
  EXPECT_THROW(fields.Int("text", 0, 1), DataError);
  EXPECT_THROW(fields.Bool("text"), DataError);
  EXPECT_THROW(fields.Number("text"), DataError);
  EXPECT_THROW(fields.Text("big"), DataError);
  EXPECT_THROW(fields.Array("text"), DataError);
  EXPECT_THROW(fields.Object("text"), DataError);
  EXPECT_THROW(fields.Hex("hash", 2), DataError);
  EXPECT_THAT([&] { fields.Text("none"); },
              ThrowsMessage<DataError>(HasSubstr("x: 'none' is missing")));
}

TEST(JsonFields, ParseJsonRefusesWhatIsNotOneStrictValue) {
  EXPECT_THROW(ParseJson("{\"a\": 1} x", 4, "x"), DataError);
  EXPECT_THAT([] { ParseJson(R"({"a": {"b": 1, "b": 2}})", 4, "x"); },
              ThrowsMessage<DataError>(HasSubstr("key 'b' is there twice")));
  EXPECT_NO_THROW(ParseJson(R"([{"a": 1}, {"a": 2}])", 4, "x"));
  EXPECT_NO_THROW(ParseJson("[[[[]]]]", 4, "x"));
  EXPECT_THROW(ParseJson("[[[[[]]]]]", 4, "x"), DataError);
}

}  // namespace
}  // namespace hearth
