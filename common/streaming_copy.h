#pragma once

#include <cstdint>

namespace hearth {

/// Copies like memcpy but bypasses the caches. Use this for a large copy that nobody reads soon:
/// the caches keep their contents, and no line of the target is fetched before it is overwritten.
void StreamingCopy(void* to, const void* from, int64_t size_bytes);

}  // namespace hearth
