#pragma once

#include <cstddef>
#include <string_view>

namespace hearth {

/// Position of the first byte that does not belong to well-formed UTF-8 (no overlong forms, no
/// surrogates, nothing above U+10FFFF), or npos.  Source: Unicode 15, table 3-7.
size_t FirstInvalidUtf8(std::string_view text);

}  // namespace hearth
