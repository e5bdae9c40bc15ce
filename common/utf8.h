#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace hearth {

/// Returns the position of the first byte that does not belong to well-formed UTF-8, or npos.
/// Overlong forms, surrogates and code points above U+10FFFF are not well-formed.
/// Source: Unicode 15, table 3-7.
size_t FirstInvalidUtf8(std::string_view text);

/// Appends UTF-16 text as UTF-8 and returns the bytes used. A character that is cut off at the end
/// of `bytes` is left for the next call, or replaced if `is_last`. A surrogate without its partner
/// is replaced by U+FFFD.
size_t AppendUtf16(std::string_view bytes, bool big_endian, bool is_last, std::string* text);

/// Every byte of `text` is one character.
std::string Latin1ToUtf8(std::string_view text);

}  // namespace hearth
