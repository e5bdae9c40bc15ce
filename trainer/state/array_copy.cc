#include "trainer/state/array_copy.h"

#include "common/huge_pages.h"
#include "common/streaming_copy.h"

namespace hearth {
namespace {

constexpr int64_t kCacheLine = 64;

int64_t BytesInCopy(const NamedArray& array) {
  return (array.size_bytes() + kCacheLine - 1) / kCacheLine * kCacheLine;
}

}  // namespace

int64_t ArrayCopy::BytesFor(const std::vector<NamedArray>& arrays) {
  int64_t bytes = 0;
  for (const NamedArray& array : arrays) bytes += BytesInCopy(array);
  return bytes;
}

void ArrayCopy::Hold(std::vector<NamedArray>& arrays) {
  const int64_t bytes = BytesFor(arrays);
  if (bytes > capacity_bytes_) {
    memory_.reset();
    memory_.reset(new std::byte[bytes]);
    capacity_bytes_ = bytes;
    PreferHugePages(memory_.get(), bytes);
  }
  std::byte* to = memory_.get();
  for (NamedArray& array : arrays) {
    if (array.size_bytes() == 0) continue;
    StreamingCopy(to, array.data, array.size_bytes());
    array.data = to;
    to += BytesInCopy(array);
  }
}

}  // namespace hearth
