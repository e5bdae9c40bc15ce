#include "common/utf8.h"

#include <iterator>

#include <utf8cpp/utf8.h>

namespace hearth {

size_t FirstInvalidUtf8(std::string_view text) {
  const auto invalid = utf8::find_invalid(text.begin(), text.end());
  if (invalid == text.end()) return std::string_view::npos;
  return static_cast<size_t>(invalid - text.begin());
}

size_t AppendUtf16(std::string_view bytes, bool big_endian, bool is_last, std::string* text) {
  constexpr char32_t kReplacement = 0xFFFD;
  const auto unit_at = [&](size_t i) -> char32_t {
    const unsigned char first = bytes[i], second = bytes[i + 1];
    return big_endian ? first << 8 | second : second << 8 | first;
  };
  const auto is_high = [](char32_t unit) { return unit >= 0xD800 && unit < 0xDC00; };
  const auto is_low = [](char32_t unit) { return unit >= 0xDC00 && unit < 0xE000; };
  size_t used = 0;
  while (bytes.size() - used >= 2) {
    char32_t character = unit_at(used);
    size_t size = 2;
    if (is_high(character)) {
      const bool has_next = bytes.size() - used >= 4;
      if (!has_next && !is_last) break;
      if (has_next && is_low(unit_at(used + 2))) {
        character = 0x10000 + ((character - 0xD800) << 10) + (unit_at(used + 2) - 0xDC00);
        size = 4;
      } else {
        character = kReplacement;
      }
    } else if (is_low(character)) {
      character = kReplacement;
    }
    utf8::append(character, std::back_inserter(*text));
    used += size;
  }
  if (is_last && used < bytes.size()) {
    utf8::append(kReplacement, std::back_inserter(*text));
    used = bytes.size();
  }
  return used;
}

std::string Latin1ToUtf8(std::string_view text) {
  std::string converted(2 * text.size(), '\0');  // no byte becomes more than two
  char* end = converted.data();
  for (const char c : text) end = utf8::append(static_cast<unsigned char>(c), end);
  converted.resize(static_cast<size_t>(end - converted.data()));
  return converted;
}

}  // namespace hearth
