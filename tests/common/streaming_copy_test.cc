#include "common/streaming_copy.h"

#include <cstring>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

namespace hearth {
namespace {

TEST(StreamingCopy, CopiesAllBytesAndNoOthersForAnyAlignment) {
  std::vector<unsigned char> from(1000);
  std::iota(from.begin(), from.end(), static_cast<unsigned char>(1));
  for (const int64_t size : {0, 1, 15, 63, 64, 127, 128, 129, 191, 640, 777}) {
    for (int64_t skip_from = 0; skip_from < 65; skip_from += 13) {
      for (int64_t skip_to = 0; skip_to < 65; ++skip_to) {
        std::vector<unsigned char> to(1000, 0xEE), expected(1000, 0xEE);
        std::memcpy(expected.data() + skip_to, from.data() + skip_from, size);
        StreamingCopy(to.data() + skip_to, from.data() + skip_from, size);
        ASSERT_EQ(to, expected) << size << " bytes from " << skip_from << " to " << skip_to;
      }
    }
  }
}

}  // namespace
}  // namespace hearth
