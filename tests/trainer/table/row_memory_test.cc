#include "trainer/table/row_memory.h"

#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hearth {
namespace {

TEST(RowMemory, CopiesRowsInTheOrderOfTheirPlaces) {
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    const at::Tensor rows = at::arange(0, 15, type).view({5, 3});
    at::Tensor copy = CopyTableRows(rows, std::vector<int64_t>{4, 0, 4});
    EXPECT_EQ(copy.scalar_type(), type);
    EXPECT_THAT(copy.sizes(), ::testing::ElementsAre(3, 3));
    EXPECT_TRUE(at::equal(copy[0], rows[4]));
    EXPECT_TRUE(at::equal(copy[1], rows[0]));
    EXPECT_TRUE(at::equal(copy[2], rows[4]));
    copy.zero_();
    EXPECT_EQ(rows[4][0].item<double>(), 12.0) << "a copy, not a view";
  }
}

TEST(RowMemory, NoPlacesAreNoRows) {
  EXPECT_THAT(CopyTableRows(at::arange(0, 6, at::kFloat).view({2, 3}), {}).sizes(),
              ::testing::ElementsAre(0, 3));
  EXPECT_THAT(EmptyTableRows({0, 3}, at::kFloat).sizes(), ::testing::ElementsAre(0, 3));
}

}  // namespace
}  // namespace hearth
