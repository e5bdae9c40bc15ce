#pragma once

#include <cstdint>

namespace hearth {

/// Asks for the cache lines of `count` values, to be there when they are needed some hundred
/// nanoseconds later. Always inlined: GCC deletes calls of a function that does nothing else.
template <typename T>
[[gnu::always_inline]] inline void Prefetch(const T* values, int64_t count) {
  constexpr int64_t kPerLine = 64 / static_cast<int64_t>(sizeof(T));
  for (int64_t i = 0; i < count; i += kPerLine) __builtin_prefetch(values + i);
}

}  // namespace hearth
