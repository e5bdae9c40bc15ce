#pragma once

#include <cstdint>

namespace hearth {

/// Fetches the cache lines of `count` values ahead of use; they arrive after some hundred
/// nanoseconds. The function is always inlined, because GCC deletes calls of a function that only
/// prefetches.
template <typename T>
[[gnu::always_inline]] inline void Prefetch(const T* values, int64_t count) {
  constexpr int64_t kPerLine = 64 / sizeof(T);
  for (int64_t i = 0; i < count; i += kPerLine) __builtin_prefetch(values + i);
}

}  // namespace hearth
