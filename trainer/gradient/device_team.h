#pragma once

#include <cstdint>

#include "trainer/table/row_lanes.h"
#include "trainer/tensor/host_device.h"

namespace hearth {

/// Many lanes working on one task, as HostTeam is one: the threads of a block, or threads of the
/// host in tests. All lanes call the same methods with the same arguments, and no lane returns
/// before all have finished (Store excepted), so that every lane may read what the others wrote.
/// Sums have an order that depends on the sizes and on the number of lanes alone.
///
/// `Lanes` is how they meet:
///   kNeighbours         lanes of a neighbourhood: those with the same index() / kNeighbours
///   index(), count()    which lane this is, of how many; count is a multiple of kNeighbours
///   Barrier()           returns when all lanes have called it
///   Sum(x)              the sum over all lanes, in a fixed order and the same for each; a Barrier
///   NeighbourSum(x)     the same over a neighbourhood; called by all lanes, not a Barrier
///
/// Preconditions beyond those of HostTeam: a matrix has less than 2^31 elements; b and c of Gemm, a
/// and b of GemmTransposed and both of Transpose are aligned to four elements.
template <typename Real, typename Lanes>
class DeviceTeam {
 public:
  HEARTH_HOST_DEVICE explicit DeviceTeam(const Lanes& lanes) : lanes_(lanes) {}

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
  /// A result, which no lane reads: the others do not wait for it.
  HEARTH_HOST_DEVICE void Store(Real* to, Real value) const {
    if (lanes_.index() == 0) *to = value;
  }
  HEARTH_HOST_DEVICE void AddTo(Real* to, Real value) const {
    if (lanes_.index() == 0) *to += value;
    lanes_.Barrier();
  }

  HEARTH_HOST_DEVICE void Gemm(Real* c, int64_t m, int64_t n, int64_t k, const Real* a,
                               int64_t a_row, int64_t a_col, const Real* b, Real alpha) const {
    // The highest tile, which loads least, that still gives work to half of the lanes.
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
    for (int64_t first = 0; first < rows; first += at_once) {  // by all lanes: they add together
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

  // f(row, column) for this lane's share; neighbouring lanes get neighbouring columns.
  template <typename F>
  HEARTH_HOST_DEVICE void Share(int64_t rows, int64_t width, const F& f) const {
    // A GPU divides 64-bit numbers in some hundred instructions.
    const auto count = static_cast<uint32_t>(rows * width), columns = static_cast<uint32_t>(width);
    const auto step = static_cast<uint32_t>(lanes_.count());
    for (auto i = static_cast<uint32_t>(lanes_.index()); i < count; i += step) {
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

  // The first `rows` rows of a tile; further ones repeat the last and are dropped.
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
      if (r >= rows) continue;  // not a bound of the loop, which would keep `sum` out of registers
      Quad place = Load(c + r * n);
      for (int j = 0; j < kWide; ++j) place.values[j] += alpha * sum[r][j];
      StoreQuad(place, c + r * n);
    }
  }

  // A tile of 2 x 2 dot products, or what of it is inside the matrix.
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
