#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace hearth {

/// Normal equations of a small weighted ridge regression, solved by Cholesky. The solution
/// minimises
///   sum_r weight_r (x_r . w - y_r)^2  +  sum_d ridge_d (w_d - prior_d)^2
class RidgeSystem {
 public:
  explicit RidgeSystem(int64_t size);

  void Clear();
  /// x has `size` elements.
  void AddRow(std::span<const double> x, double y, double weight = 1.0);
  /// Adds factor * sum_r x_r x_r^T, given as the lower triangle of a [size, size] matrix.
  void AddGram(std::span<const double> gram, double factor);
  /// ridge, prior and result: [size]; every ridge_d > 0. Consumes the system: Clear() before reuse.
  void Solve(std::span<const double> ridge, std::span<const double> prior,
             std::span<double> result);

  /// The sum of x x^T over all rows added: the lower triangle of a row-major [size, size] matrix.
  std::span<const double> gram() const { return gram_; }

 private:
  double& At(int64_t row, int64_t column) { return gram_[row * size_ + column]; }

  int64_t size_;
  std::vector<double> gram_, right_;
};

}  // namespace hearth
