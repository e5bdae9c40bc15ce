#include "trainer/evaluate/ridge.h"

#include <algorithm>
#include <cmath>

#include "common/error.h"

namespace hearth {

RidgeSystem::RidgeSystem(int64_t size)
    : size_(size), gram_(size_ * size_, 0.0), right_(size_, 0.0) {}

void RidgeSystem::Clear() {
  std::ranges::fill(gram_, 0.0);
  std::ranges::fill(right_, 0.0);
}

void RidgeSystem::AddRow(std::span<const double> x, double y, double weight) {
  for (int64_t row = 0; row < size_; ++row) {
    const double scaled = weight * x[row];
    right_[row] += scaled * y;
    for (int64_t column = 0; column <= row; ++column) At(row, column) += scaled * x[column];
  }
}

void RidgeSystem::AddGram(std::span<const double> gram, double factor) {
  for (size_t i = 0; i < gram_.size(); ++i) gram_[i] += factor * gram[i];
}

void RidgeSystem::Solve(std::span<const double> ridge, std::span<const double> prior,
                        std::span<double> result) {
  for (int64_t d = 0; d < size_; ++d) {
    At(d, d) += ridge[d];
    right_[d] += ridge[d] * prior[d];
  }
  // Solves in place: gram = L L^T, then L z = right, then L^T w = z.
  for (int64_t row = 0; row < size_; ++row) {
    for (int64_t column = 0; column <= row; ++column) {
      double sum = At(row, column);
      for (int64_t d = 0; d < column; ++d) sum -= At(row, d) * At(column, d);
      HEARTH_CHECK(row != column || sum > 0.0, "ridge system is not positive definite");
      At(row, column) = row == column ? std::sqrt(sum) : sum / At(column, column);
    }
    double sum = right_[row];
    for (int64_t d = 0; d < row; ++d) sum -= At(row, d) * right_[d];
    right_[row] = sum / At(row, row);
  }
  for (int64_t row = size_; row-- > 0;) {
    double sum = right_[row];
    for (int64_t d = row + 1; d < size_; ++d) sum -= At(d, row) * result[d];
    result[row] = sum / At(row, row);
  }
}

}  // namespace hearth
