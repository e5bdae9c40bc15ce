#pragma once

#include <cstdint>

namespace hearth {

/// memcpy past the caches, for a large copy that nobody reads soon: what is in the caches stays,
/// and no line of the target is fetched before it is overwritten.
void StreamingCopy(void* to, const void* from, int64_t size_bytes);

}  // namespace hearth
