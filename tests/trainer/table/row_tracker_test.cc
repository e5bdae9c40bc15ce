#include "trainer/table/row_tracker.h"

#include <vector>

#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "trainer/tensor/parameters.h"

namespace hearth {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

at::Tensor Rows(std::vector<double> values) {
  return at::tensor(values, at::kDouble).view({-1, 2});
}

TEST(RowTracker, KeepsTheFirstRowOfEveryId) {
  RowTracker tracker(2, at::kDouble);
  tracker.Remember(std::vector<int64_t>{9, 4}, Rows({1, 2, 3, 4}));
  EXPECT_THAT(tracker.NotYetOf(std::vector<int64_t>{4, 5, 9, 5}), ElementsAre(5, 5));
  tracker.Remember(std::vector<int64_t>{5, 5, 9}, Rows({5, 6, 7, 8, 0, 0}));
  const RowsById taken = tracker.Take();
  EXPECT_THAT(taken.ids, ElementsAre(4, 5, 9));
  EXPECT_THAT(ToDoubles(taken.rows), ElementsAre(3, 4, 5, 6, 1, 2));
}

TEST(RowTracker, TakeForgets) {
  RowTracker tracker(2, at::kFloat);
  tracker.Remember(std::vector<int64_t>{1}, Rows({1, 2}).to(at::kFloat));
  tracker.Take();
  EXPECT_THAT(tracker.NotYetOf(std::vector<int64_t>{1}), ElementsAre(1));
  const RowsById none = tracker.Take();
  EXPECT_THAT(none.ids, IsEmpty());
  EXPECT_THAT(none.rows.sizes(), ElementsAre(0, 2));
  EXPECT_EQ(none.rows.scalar_type(), at::kFloat);
}

}  // namespace
}  // namespace hearth
