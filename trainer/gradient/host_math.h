#pragma once

#include <algorithm>
#include <cstdint>

#include "trainer/gradient/host_gemm.h"
#include "trainer/tensor/host_device.h"

namespace hearth {

/// The operations that the kernels of a head are made of (map, sum, copy, small matrix products),
/// on one thread with vector instructions. DeviceMath has the same methods for the lanes of a GPU
/// block. Matrices are row-major and contiguous. Widths, and inner dimensions of transposed
/// products, are multiples of HeadShape::kPad.
template <typename Real>
class HostMath {
 public:
  /// Calls f(i) for 0 <= i < count.
  template <typename F>
  void Each(int64_t count, F f) const {
#pragma GCC ivdep
    for (int64_t i = 0; i < count; ++i) f(i);
  }
  /// Calls f(row, column) for every element of a matrix.
  template <typename F>
  void EachRow(int64_t rows, int64_t width, F f) const {
    for (int64_t r = 0; r < rows; ++r) {
#pragma GCC ivdep
      for (int64_t j = 0; j < width; ++j) f(r, j);
    }
  }
  /// The sum of f(i) for 0 <= i < count; in DeviceMath every lane gets it.
  template <typename F>
  Real Sum(int64_t count, F f) const {
    constexpr int kWays = 8;  // the order of the sum is part of the result
    Real ways[kWays] = {};
    int64_t i = 0;
    for (; i + kWays <= count; i += kWays) {
      for (int w = 0; w < kWays; ++w) ways[w] += f(i + w);
    }
    for (; i < count; ++i) ways[0] += f(i);
    Real sum = 0;
    for (const Real way : ways) sum += way;
    return sum;
  }
  void Copy(Real* to, const Real* from, int64_t count) const { std::copy_n(from, count, to); }
  void Fill(Real* to, Real value, int64_t count) const { std::fill_n(to, count, value); }
  void Store(Real* to, Real value) const { *to = value; }
  void AddTo(Real* to, Real value) const { *to += value; }

  /// c [m, n] += alpha a b; a(i, j) = a[i a_row + j a_col], b [k, n].
  void Gemm(Real* c, int64_t m, int64_t n, int64_t k, const Real* a, int64_t a_row, int64_t a_col,
            const Real* b, Real alpha) const {
    AddProduct(c, m, n, k, a, a_row, a_col, b, alpha);
  }
  /// c [m, n], rows c_row apart, += alpha a b'; a [m, k], b [n, k].
  void GemmTransposed(Real* c, int64_t c_row, int64_t m, int64_t n, int64_t k, const Real* a,
                      const Real* b, Real alpha) const {
    AddProductTransposed(c, c_row, m, n, k, a, b, alpha);
  }
  /// to [columns, to_width] = from [rows, from_width]', zero beyond `rows`.
  void Transpose(Real* to, int64_t to_width, const Real* from, int64_t from_width, int64_t rows,
                 int64_t columns) const {
    constexpr int64_t kTile = 8;
    for (int64_t i = 0; i < to_width; i += kTile) {
      for (int64_t j = 0; j < columns; j += kTile) {
        const int64_t width = std::min(kTile, columns - j);
        for (int64_t y = 0; y < width; ++y) {
          for (int64_t x = 0; x < kTile; ++x) {
            to[(j + y) * to_width + i + x] =
                i + x < rows ? from[(i + x) * from_width + j + y] : Real(0);
          }
        }
      }
    }
  }
  /// to[r] = dot(a[r], b), a [rows, width]
  void RowDots(Real* to, const Real* a, const Real* b, int64_t rows, int64_t width) const {
    for (int64_t r = 0; r < rows; ++r) to[r] = hearth::Dot(a + r * width, b, width);
  }
  /// to[j] += scale sum_r a[r a_row + j] for j < width; width may be any number.
  void AddColumnSums(Real* to, const Real* a, int64_t a_row, int64_t rows, int64_t width,
                     Real scale) const {
    for (int64_t r = 0; r < rows; ++r) {
#pragma GCC ivdep
      for (int64_t j = 0; j < width; ++j) to[j] += scale * a[r * a_row + j];
    }
  }
  /// to[j] += scale sum_r weight[r] a[r, j]
  void AddWeightedRows(Real* to, const Real* a, const Real* weight, int64_t rows, int64_t width,
                       Real scale) const {
    for (int64_t r = 0; r < rows; ++r) {
      const Real w = scale * weight[r];
#pragma GCC ivdep
      for (int64_t j = 0; j < width; ++j) to[j] += w * a[r * width + j];
    }
  }
};

}  // namespace hearth
