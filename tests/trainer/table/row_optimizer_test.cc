#include "trainer/table/row_optimizer.h"

#include <cmath>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

// embedding_table_test.cc compares whole tables with the formulas, for every dim and type.
namespace hearth {
namespace {

constexpr double kLr = 0.1;

at::Tensor Tensor(std::vector<double> values, int64_t dim) {
  return at::tensor(values, at::kDouble).view({-1, dim});
}

const std::vector<int64_t> kSecondRow = {1};

TEST(RowOptimizer, AdagradDividesByTheRootOfSummedMeanSquares) {
  RowOptimizer optimizer(TableOptimizer::kAdagrad, 3, 2, at::kDouble);
  at::Tensor rows = at::zeros({3, 2}, at::kDouble);
  optimizer.Step(rows, kSecondRow, Tensor({3, 4}, 2), kLr, 0.0);  // mean square 12.5
  EXPECT_NEAR(rows[1][0].item<double>(), -kLr * 3 / std::sqrt(12.5), 1e-9);
  EXPECT_NEAR(rows[1][1].item<double>(), -kLr * 4 / std::sqrt(12.5), 1e-9);
  optimizer.Step(rows, kSecondRow, Tensor({1, 0}, 2), kLr, 0.0);  // mean square 0.5
  EXPECT_NEAR(optimizer.second_moment()[1].item<double>(), 13.0, 1e-12);
  EXPECT_EQ(optimizer.age()[1].item<double>(), 2.0);
  EXPECT_NEAR(rows[1][0].item<double>(), -kLr * (3 / std::sqrt(12.5) + 1 / std::sqrt(13.0)), 1e-9);
  EXPECT_FALSE(optimizer.first_moment().defined());
  EXPECT_EQ(rows[0].abs().sum().item<double>() + rows[2].abs().sum().item<double>(), 0.0);
}

TEST(RowOptimizer, FirstStepOfAdamIsTheRateInTheDirectionOfTheGradient) {
  RowOptimizer optimizer(TableOptimizer::kAdam, 2, 2, at::kDouble);
  at::Tensor rows = at::zeros({2, 2}, at::kDouble);
  optimizer.Step(rows, kSecondRow, Tensor({-6, 6}, 2), kLr, 0.0);
  EXPECT_NEAR(rows[1][0].item<double>(), kLr, 1e-8);
  EXPECT_NEAR(rows[1][1].item<double>(), -kLr, 1e-8);
  EXPECT_NEAR(optimizer.first_moment()[1][0].item<double>(), 0.1 * -6, 1e-12);
  EXPECT_NEAR(optimizer.second_moment()[1].item<double>(), 0.001 * 36, 1e-12);
}

TEST(RowOptimizer, PullToZeroIsPartOfTheGradient) {
  RowOptimizer optimizer(TableOptimizer::kAdagrad, 2, 1, at::kDouble);
  at::Tensor rows = Tensor({0, 8}, 1);
  optimizer.Step(rows, kSecondRow, Tensor({0}, 1), kLr, 0.5);  // gradient 4, mean square 16
  EXPECT_NEAR(rows[1][0].item<double>(), 8 - kLr * 4 / 4, 1e-9);
}

TEST(RowOptimizer, RowNamedTwiceStepsOnceByTheSum) {
  for (const TableOptimizer kind : {TableOptimizer::kAdam, TableOptimizer::kAdagrad}) {
    RowOptimizer twice(kind, 2, 2, at::kDouble), once(kind, 2, 2, at::kDouble);
    at::Tensor rows = at::zeros({2, 2}, at::kDouble), expected = rows.clone();
    twice.Step(rows, IdGroups(std::vector<int64_t>{1, 0, 1}), Tensor({1, 2, 9, 9, 4, -1}, 2), kLr,
               0.0);
    once.Step(expected, std::vector<int64_t>{0, 1}, Tensor({9, 9, 5, 1}, 2), kLr, 0.0);
    EXPECT_TRUE(at::equal(rows, expected));
    EXPECT_TRUE(at::equal(twice.second_moment(), once.second_moment()));
    EXPECT_EQ(twice.age()[1].item<double>(), 1.0);
  }
}

TEST(RowOptimizer, ResetRowStepsLikeANewOne) {
  for (const TableOptimizer kind : {TableOptimizer::kAdam, TableOptimizer::kAdagrad}) {
    RowOptimizer used(kind, 2, 2, at::kDouble), fresh(kind, 2, 2, at::kDouble);
    at::Tensor rows = at::zeros({2, 2}, at::kDouble), expected = rows.clone();
    used.Step(rows, std::vector<int64_t>{0, 1}, Tensor({5, 5, 5, 5}, 2), kLr, 0.0);
    used.Reset(1);
    EXPECT_EQ(used.age()[0].item<double>(), 1.0) << "the other row keeps its state";
    rows.zero_();
    used.Step(rows, kSecondRow, Tensor({1, 2}, 2), kLr, 0.0);
    fresh.Step(expected, kSecondRow, Tensor({1, 2}, 2), kLr, 0.0);
    EXPECT_TRUE(at::equal(rows, expected));
  }
}

TEST(RowOptimizer, RowsOfAnotherTableAreABug) {
  RowOptimizer optimizer(TableOptimizer::kAdagrad, 3, 2, at::kDouble);
  at::Tensor fewer = at::zeros({2, 2}, at::kDouble), narrow = at::zeros({3, 2}, at::kFloat);
  EXPECT_DEATH(optimizer.Step(fewer, kSecondRow, Tensor({1, 1}, 2), kLr, 0.0), "2 rows");
  EXPECT_DEATH(optimizer.Step(narrow, kSecondRow, Tensor({1, 1}, 2), kLr, 0.0), "3 rows");
}

}  // namespace
}  // namespace hearth
