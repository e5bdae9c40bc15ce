#include "trainer/evaluate/ridge.h"

#include <cmath>

#include <gtest/gtest.h>

#include "common/random.h"

namespace hearth {
namespace {

TEST(RidgeSystem, SolutionHasZeroGradient) {
  constexpr size_t kSize = 5, kRows = 9;
  RandomStream random(1, Purpose::kTest);
  std::vector<std::vector<double>> x(kRows, std::vector<double>(kSize));
  std::vector<double> y(kRows), weight(kRows), ridge(kSize), prior(kSize), w(kSize);
  RidgeSystem system(kSize);
  for (size_t row = 0; row < kRows; ++row) {
    for (double& value : x[row]) value = random.NextNormal();
    y[row] = random.NextNormal();
    weight[row] = 0.1 + random.NextDouble();
    system.AddRow(x[row], y[row], weight[row]);
  }
  for (size_t d = 0; d < kSize; ++d) {
    ridge[d] = 0.1 + random.NextDouble();
    prior[d] = random.NextNormal();
  }
  system.Solve(ridge, prior, w);
  for (size_t d = 0; d < kSize; ++d) {
    double gradient = ridge[d] * (w[d] - prior[d]);
    for (size_t row = 0; row < kRows; ++row) {
      double error = -y[row];
      for (size_t j = 0; j < kSize; ++j) error += x[row][j] * w[j];
      gradient += weight[row] * error * x[row][d];
    }
    EXPECT_NEAR(gradient, 0.0, 1e-12);
  }
}

TEST(RidgeSystem, WithoutRowsIsThePriorAndCanBeReused) {
  RidgeSystem system(2);
  std::vector<double> w(2);
  const std::vector<double> ridge = {1, 2}, prior = {3, -4}, x = {1, 1};
  for (int use = 0; use < 2; ++use) {
    system.Clear();
    system.Solve(ridge, prior, w);
    EXPECT_DOUBLE_EQ(w[0], 3);
    EXPECT_DOUBLE_EQ(w[1], -4);
  }
}

TEST(RidgeSystem, GramOfAnotherSystemCountsAsItsRows) {
  const std::vector<double> a = {1, 2, 3}, b = {-1, 0, 2}, ridge = {1, 1, 1}, prior = {0, 0, 0};
  RidgeSystem rows(3), sum(3), direct(3);
  std::vector<double> w(3), expected(3);
  sum.AddRow(a, 0.0);
  sum.AddRow(b, 0.0);
  rows.AddGram(sum.gram(), 0.5);
  rows.AddRow(a, 4.0);
  rows.Solve(ridge, prior, w);
  direct.AddRow(a, 0.0, 0.5);
  direct.AddRow(b, 0.0, 0.5);
  direct.AddRow(a, 4.0);
  direct.Solve(ridge, prior, expected);
  for (size_t d = 0; d < 3; ++d) EXPECT_NEAR(w[d], expected[d], 1e-12);
}

}  // namespace
}  // namespace hearth
