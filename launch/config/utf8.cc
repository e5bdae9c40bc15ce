#include "launch/config/utf8.h"

#include <cstdint>

namespace hearth {
namespace {

/// Returns the length of the well-formed sequence at the start of `text`, or 0 if there is none.
size_t SequenceLength(std::string_view text) {
  const auto byte = [&](size_t i) -> int {
    if (i >= text.size()) return 0;
    return static_cast<uint8_t>(text[i]);
  };
  const auto continues = [&](size_t i) { return byte(i) >= 0x80 && byte(i) <= 0xBF; };
  const int first = byte(0), second = byte(1);
  if (first <= 0x7F) return 1;
  if (first >= 0xC2 && first <= 0xDF && continues(1)) return 2;
  if (first >= 0xE0 && first <= 0xEF && continues(1) && continues(2)) {
    const bool overlong = first == 0xE0 && second < 0xA0;
    const bool surrogate = first == 0xED && second > 0x9F;
    if (!overlong && !surrogate) return 3;
  }
  if (first >= 0xF0 && first <= 0xF4 && continues(1) && continues(2) && continues(3)) {
    const bool overlong = first == 0xF0 && second < 0x90;
    const bool too_large = first == 0xF4 && second > 0x8F;
    if (!overlong && !too_large) return 4;
  }
  return 0;
}

}  // namespace

size_t FirstInvalidUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const size_t length = SequenceLength(text.substr(i));
    if (length == 0) return i;
    i += length;
  }
  return std::string_view::npos;
}

}  // namespace hearth
