#include "common/streaming_copy.h"

#include <cstring>
#include <memory>

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
    if (count > 0) std::memcpy(out, in, count);
    out += count;
    in += count;
    size_bytes -= count;
  };
  if (size_bytes >= 2 * kLine) {
    size_t from_line = size_bytes;  // bytes from the first whole line of the target on
    std::align(kLine, kLine, to, from_line);
    copy(size_bytes - from_line);
  }
  for (; size_bytes >= 2 * kLine; out += kLine, in += kLine, size_bytes -= kLine) {
    _mm_prefetch(in + kAhead, _MM_HINT_NTA);  // has no effect beyond the end
    auto* out_words = reinterpret_cast<__m128i*>(out);
    const auto* in_words = reinterpret_cast<const __m128i*>(in);
    for (int i = 0; i < 4; ++i) _mm_stream_si128(out_words + i, _mm_loadu_si128(in_words + i));
  }
  copy(size_bytes);
  _mm_sfence();
#else
  std::memcpy(out, in, size_bytes);
#endif
}

}  // namespace hearth
