#include "common/utf8.h"

#include <string>

#include <gtest/gtest.h>

namespace hearth {
namespace {

constexpr size_t kNone = std::string_view::npos;

/// A code point by the definition of UTF-8, surrogates and too large ones included.
std::string Encoded(uint32_t point) {
  const auto tail = [point](int shift) {
    return static_cast<char>(0x80 | (point >> shift & 0x3F));
  };
  if (point < 0x80) return {static_cast<char>(point)};
  if (point < 0x800) return {static_cast<char>(0xC0 | point >> 6), tail(0)};
  if (point < 0x10000) return {static_cast<char>(0xE0 | point >> 12), tail(6), tail(0)};
  return {static_cast<char>(0xF0 | point >> 18), tail(12), tail(6), tail(0)};
}

TEST(Utf8, EveryCodePointIsValidAndNothingElse) {
  for (uint32_t point = 0; point <= 0x11FFFF; ++point) {
    const bool is_character = point <= 0x10FFFF && !(point >= 0xD800 && point <= 0xDFFF);
    ASSERT_EQ(FirstInvalidUtf8("a" + Encoded(point)), is_character ? kNone : 1) << point;
  }
}

TEST(Utf8, NamesTheFirstByteOfABrokenSequence) {
  EXPECT_EQ(FirstInvalidUtf8(""), kNone);
  EXPECT_EQ(FirstInvalidUtf8("\xE2\x82\xAC \xF0\x9F\x8E\xAC"), kNone);
  EXPECT_EQ(FirstInvalidUtf8("caf\xE9"), 3u);
  EXPECT_EQ(FirstInvalidUtf8("\xC3\xA9\x80"), 2u);
  for (const std::string_view bad : {"\xC0\xAF", "\xC1\xBF", "\xE0\x9F\xBF", "\xF0\x8F\xBF\xBF",
                                     "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF",
                                     "\xE2\x82", "\xE2\x28\xA1", "\xF0\x9F\x8E", "\x80"}) {
    EXPECT_EQ(FirstInvalidUtf8("ab" + std::string(bad) + "c"), 2u) << bad.size();
    EXPECT_EQ(FirstInvalidUtf8(bad), 0u);
  }
}

TEST(Utf8, EveryByteOfLatin1BecomesItsCodePoint) {
  std::string latin1, expected;
  for (uint32_t byte = 0; byte < 256; ++byte) {
    latin1 += static_cast<char>(byte);
    expected += Encoded(byte);
  }
  EXPECT_EQ(Latin1ToUtf8(latin1), expected);
  EXPECT_EQ(Latin1ToUtf8(""), "");
}

}  // namespace
}  // namespace hearth
