#include "common/huge_pages.h"

#include <vector>

#include <gtest/gtest.h>

namespace hearth {
namespace {

TEST(HugePages, AdviceChangesNoContents) {
  for (const int64_t size : {0, 1, 4096, (1 << 21) + 100, 5 << 21}) {
    std::vector<uint8_t> block(size + 3, uint8_t{7});
    PreferHugePages(block.data() + 3, size);
    EXPECT_EQ(block, std::vector<uint8_t>(block.size(), uint8_t{7})) << size;
  }
}

}  // namespace
}  // namespace hearth
