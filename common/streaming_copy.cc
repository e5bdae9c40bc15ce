#include "common/streaming_copy.h"

#include <cstring>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace hearth {

void StreamingCopy(void* to, const void* from, int64_t size_bytes) {
  auto* out = static_cast<char*>(to);
  const auto* in = static_cast<const char*>(from);
#ifdef __SSE2__
  constexpr int64_t kLine = 64;
  constexpr int64_t kAhead = 16 * kLine;
  const auto copy = [&](int64_t count) {
    if (count > 0) std::memcpy(out, in, static_cast<size_t>(count));
    out += count;
    in += count;
    size_bytes -= count;
  };
  const auto past_line = static_cast<int64_t>(reinterpret_cast<uintptr_t>(out) % kLine);
  if (size_bytes >= 2 * kLine) copy((kLine - past_line) % kLine);
  for (; size_bytes >= 2 * kLine; out += kLine, in += kLine, size_bytes -= kLine) {
    _mm_prefetch(in + kAhead, _MM_HINT_NTA);  // beyond the end: without effect
    for (int64_t i = 0; i < kLine; i += 16) {
      _mm_stream_si128(reinterpret_cast<__m128i*>(out + i),
                       _mm_loadu_si128(reinterpret_cast<const __m128i*>(in + i)));
    }
  }
  copy(size_bytes);
  _mm_sfence();
#else
  std::memcpy(out, in, static_cast<size_t>(size_bytes));
#endif
}

}  // namespace hearth
