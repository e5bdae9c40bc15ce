#pragma once

#include <cstdint>

#include "trainer/table/row_lanes.h"
#include "trainer/tensor/host_device.h"

namespace hearth {

/// The operations of HostMath, shared by many lanes that work on one task. The lanes are the
/// threads of a GPU block, or threads of the host in tests. All lanes call the same methods with
/// the same arguments. A method returns when all lanes have finished, so every lane may read the
/// results of the others; Store alone does not wait. The order of a sum depends on the sizes and on
/// the number of lanes alone.
///
/// `Lanes` connects the lanes:
///   kNeighbours         size of a neighbourhood: its lanes have the same index() / kNeighbours
///   index(), count()    number of this lane, number of lanes; count is a multiple of kNeighbours
///   Barrier()           returns when all lanes have called it
///   Sum(x)              the sum over all lanes, in a fixed order and equal on all; acts as a
///   Barrier NeighbourSum(x)     the sum over a neighbourhood; all lanes call it, but it is no
///   Barrier
///
/// Preconditions beyond HostMath: a matrix has less than 2^31 elements. Arguments b and c of Gemm,
/// a and b of GemmTransposed, and both matrices of Transpose are aligned to four elements.
template <typename Real, typename Lanes>
class DeviceMath {
 public:
  HEARTH_HOST_DEVICE explicit DeviceMath(const Lanes& lanes) : lanes_(lanes) {}

  template <typename F>
  HEARTH_HOST_DEVICE void Each(int64_t count, F f) const {
    for (int64_t i = lanes_.index(); i < count; i += lanes_.count()) f(i);
    lanes_.Barrier();
  }
  template <typename F>
  HEARTH_HOST_DEVICE void EachRow(int64_t rows, int64_t width, F f) const {
    Share(rows, width, f);
    lanes_.Barrier();
  }
  template <typename F>
  HEARTH_HOST_DEVICE Real Sum(int64_t count, F f) const {
    Real sum = 0;
    for (int64_t i = lanes_.index(); i < count; i += lanes_.count()) sum += f(i);
    return lanes_.Sum(sum);
  }
  HEARTH_HOST_DEVICE void Copy(Real* to, const Real* from, int64_t count) const {
    Each(count, [=](int64_t i) { to[i] = from[i]; });
  }
  HEARTH_HOST_DEVICE void Fill(Real* to, Real value, int64_t count) const {
    Each(count, [=](int64_t i) { to[i] = value; });
  }
  /// Writes a result that no lane reads, so the other lanes do not wait.
  HEARTH_HOST_DEVICE void Store(Real* to, Real value) const {
    if (lanes_.index() == 0) *to = value;
  }
  HEARTH_HOST_DEVICE void AddTo(Real* to, Real value) const {
    if (lanes_.index() == 0) *to += value;
    lanes_.Barrier();
  }

  HEARTH_HOST_DEVICE void Gemm(Real* c, int64_t m, int64_t n, int64_t k, const Real* a,
                               int64_t a_row, int64_t a_col, const Real* b, Real alpha) const {
    // The highest tile loads least; take the highest that still gives work to half of the lanes.
    const int64_t across = n / kWide;
    if ((m + 3) / 4 * across >= lanes_.count() / 2) {
      AddTiles<4>(c, m, n, k, a, a_row, a_col, b, alpha);
    } else if ((m + 1) / 2 * across >= lanes_.count() / 2) {
      AddTiles<2>(c, m, n, k, a, a_row, a_col, b, alpha);
    } else {
      AddTiles<1>(c, m, n, k, a, a_row, a_col, b, alpha);
    }
    lanes_.Barrier();
  }
  HEARTH_HOST_DEVICE void GemmTransposed(Real* c, int64_t c_row, int64_t m, int64_t n, int64_t k,
                                         const Real* a, const Real* b, Real alpha) const {
    Share((m + 1) / 2, (n + 1) / 2, [&](int64_t i, int64_t j) {
      AddDots(c + 2 * i * c_row + 2 * j, c_row, m - 2 * i > 1, n - 2 * j > 1, k, a + 2 * i * k,
              b + 2 * j * k, alpha);
    });
    lanes_.Barrier();
  }
  HEARTH_HOST_DEVICE void Transpose(Real* to, int64_t to_width, const Real* from,
                                    int64_t from_width, int64_t rows, int64_t columns) const {
    Share((columns + kWide - 1) / kWide, to_width / kWide, [&](int64_t y, int64_t x) {
      const int64_t first = x * kWide, column = y * kWide;
      Quad block[kWide] = {};
      for (int i = 0; i < kWide; ++i) {
        if (first + i < rows) block[i] = Load(from + (first + i) * from_width + column);
      }
      for (int j = 0; j < kWide; ++j) {
        if (column + j >= columns) break;
        Quad turned;
        for (int i = 0; i < kWide; ++i) turned.values[i] = block[i].values[j];
        StoreQuad(turned, to + (column + j) * to_width + first);
      }
    });
    lanes_.Barrier();
  }
  HEARTH_HOST_DEVICE void RowDots(Real* to, const Real* a, const Real* b, int64_t rows,
                                  int64_t width) const {
    const int64_t place = lanes_.index() % Lanes::kNeighbours;
    const int64_t at_once = lanes_.count() / Lanes::kNeighbours;
    for (int64_t first = 0; first < rows; first += at_once) {  // all lanes take part in every sum
      const int64_t row = first + lanes_.index() / Lanes::kNeighbours;
      Real sum = 0;
      for (int64_t j = place; row < rows && j < width; j += Lanes::kNeighbours) {
        sum += a[row * width + j] * b[j];
      }
      sum = lanes_.NeighbourSum(sum);
      if (row < rows && place == 0) to[row] = sum;
    }
    lanes_.Barrier();
  }
  HEARTH_HOST_DEVICE void AddColumnSums(Real* to, const Real* a, int64_t a_row, int64_t rows,
                                        int64_t width, Real scale) const {
    Each(width, [=](int64_t j) {
      Real sum = 0;
      for (int64_t r = 0; r < rows; ++r) sum += a[r * a_row + j];
      to[j] += scale * sum;
    });
  }
  HEARTH_HOST_DEVICE void AddWeightedRows(Real* to, const Real* a, const Real* weight, int64_t rows,
                                          int64_t width, Real scale) const {
    Each(width, [=](int64_t j) {
      Real sum = 0;
      for (int64_t r = 0; r < rows; ++r) sum += weight[r] * a[r * width + j];
      to[j] += scale * sum;
    });
  }

 private:
  static constexpr int kWide = 4;
  using Quad = row_lanes::Pack<Real, kWide>;
  using Access = row_lanes::Access<kWide, true>;
  HEARTH_HOST_DEVICE static Quad Load(const Real* from) { return Access().Load(from); }
  HEARTH_HOST_DEVICE static void StoreQuad(const Quad& quad, Real* to) { Access().Store(quad, to); }

  // Calls f(row, column) for this lane's share; neighbouring lanes get neighbouring columns.
  template <typename F>
  HEARTH_HOST_DEVICE void Share(int64_t rows, int64_t width, const F& f) const {
    // A GPU needs some hundred instructions to divide 64-bit numbers, hence 32 bits.
    const auto count = static_cast<uint32_t>(rows * width), columns = static_cast<uint32_t>(width);
    const uint32_t step = lanes_.count();
    for (uint32_t i = lanes_.index(); i < count; i += step) {
      f(int64_t{i / columns}, int64_t{i % columns});
    }
  }

  template <int kRows>
  HEARTH_HOST_DEVICE void AddTiles(Real* c, int64_t m, int64_t n, int64_t k, const Real* a,
                                   int64_t a_row, int64_t a_col, const Real* b, Real alpha) const {
    Share((m + kRows - 1) / kRows, n / kWide, [&](int64_t y, int64_t x) {
      const int64_t i = y * kRows, j = x * kWide;
      AddTile<kRows>(c + i * n + j, m - i, n, k, a + i * a_row, a_row, a_col, b + j, alpha);
    });
  }

  // Adds the first `rows` rows of a tile. Further rows repeat the last one and are dropped.
  template <int kRows>
  HEARTH_HOST_DEVICE static void AddTile(Real* c, int64_t rows, int64_t n, int64_t k, const Real* a,
                                         int64_t a_row, int64_t a_col, const Real* b, Real alpha) {
    Real sum[kRows][kWide] = {};
    const Real* left[kRows];
    for (int r = 0; r < kRows; ++r) left[r] = a + (r < rows ? r : rows - 1) * a_row;
    for (int64_t i = 0; i < k; ++i) {
      const Quad right = Load(b + i * n);
      for (int r = 0; r < kRows; ++r) {
        const Real factor = left[r][i * a_col];
        for (int j = 0; j < kWide; ++j) sum[r][j] += factor * right.values[j];
      }
    }
    for (int r = 0; r < kRows; ++r) {
      if (r >= rows) continue;  // as a bound of the loop this would keep `sum` out of registers
      Quad place = Load(c + r * n);
      for (int j = 0; j < kWide; ++j) place.values[j] += alpha * sum[r][j];
      StoreQuad(place, c + r * n);
    }
  }

  // Adds a tile of 2 x 2 dot products, or the part of the tile that lies inside the matrix.
  HEARTH_HOST_DEVICE static void AddDots(Real* c, int64_t c_row, bool two_rows, bool two_columns,
                                         int64_t k, const Real* a, const Real* b, Real alpha) {
    const Real* left[2] = {a, two_rows ? a + k : a};
    const Real* right[2] = {b, two_columns ? b + k : b};
    Real sum[2][2] = {};
    for (int64_t i = 0; i < k; i += kWide) {
      const Quad rows[2] = {Load(left[0] + i), Load(left[1] + i)};
      const Quad columns[2] = {Load(right[0] + i), Load(right[1] + i)};
      for (int r = 0; r < 2; ++r) {
        for (int j = 0; j < 2; ++j) {
          for (int x = 0; x < kWide; ++x) sum[r][j] += rows[r].values[x] * columns[j].values[x];
        }
      }
    }
    for (int r = 0; r < 2; ++r) {
      for (int j = 0; j < 2; ++j) {
        if ((r == 0 || two_rows) && (j == 0 || two_columns)) c[r * c_row + j] += alpha * sum[r][j];
      }
    }
  }

  Lanes lanes_;
};

}  // namespace hearth
