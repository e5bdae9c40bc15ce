#pragma once

#include <cstdint>

#include "trainer/gradient/head_task.h"

namespace hearth {

// Small matrix products in registers. A library call alone costs as much time as one of these
// products (20 x 64 x 64), so they are written out here; the large shared products go to BLAS.

#if defined(__AVX2__)
inline constexpr int kVectorBytes = 32;
#else
inline constexpr int kVectorBytes = 16;
#endif

/// A vector register; loads need no alignment.
template <typename Real>
using Vector __attribute__((vector_size(kVectorBytes), aligned(alignof(Real)), may_alias)) = Real;

template <typename Real>
inline constexpr int kLanes = kVectorBytes / static_cast<int>(sizeof(Real));

/// The height of a tile of `vectors` registers a row: as many rows as 16 registers allow.
constexpr int TileRows(int vectors) {
  if (vectors <= 2) return 6;
  if (vectors <= 4) return 3;
  return 1;
}

/// A tile is kPad columns wide and kTileRows rows high.
template <typename Real>
inline constexpr int kTileVectors = static_cast<int>(HeadShape::kPad) / kLanes<Real>;
template <typename Real>
inline constexpr int kTileRows = TileRows(kTileVectors<Real>);

template <int kRows, typename Real>
inline void AddTile(Real* c, int64_t n, int64_t k, const Real* a, int64_t a_row, int64_t a_col,
                    const Real* b, Real alpha) {
  constexpr int kWide = kTileVectors<Real>;
  Vector<Real> sum[kRows][kWide] = {};
  for (int64_t i = 0; i < k; ++i) {
    Vector<Real> row[kWide];
    for (int v = 0; v < kWide; ++v) {
      row[v] = *reinterpret_cast<const Vector<Real>*>(b + i * n + v * kLanes<Real>);
    }
    for (int r = 0; r < kRows; ++r) {
      const Real factor = a[r * a_row + i * a_col];
      for (int v = 0; v < kWide; ++v) sum[r][v] += factor * row[v];
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kWide; ++v) {
      auto* place = reinterpret_cast<Vector<Real>*>(c + r * n + v * kLanes<Real>);
      *place += alpha * sum[r][v];
    }
  }
}

// Adds a tile of `rows` rows, at most kTileRows.
template <typename Real, int kRows = kTileRows<Real>>
inline void AddTileOf(int64_t rows, Real* c, int64_t n, int64_t k, const Real* a, int64_t a_row,
                      int64_t a_col, const Real* b, Real alpha) {
  if constexpr (kRows > 0) {
    if (rows == kRows) {
      AddTile<kRows>(c, n, k, a, a_row, a_col, b, alpha);
    } else {
      AddTileOf<Real, kRows - 1>(rows, c, n, k, a, a_row, a_col, b, alpha);
    }
  }
}

/// HostMath::Gemm. The rows are cut into tiles of nearly equal height, because a low tile leaves
/// the multipliers idle.
template <typename Real>
void AddProduct(Real* c, int64_t m, int64_t n, int64_t k, const Real* a, int64_t a_row,
                int64_t a_col, const Real* b, Real alpha) {
  const int64_t tiles = (m + kTileRows<Real> - 1) / kTileRows<Real>;
  for (int64_t j = 0; j < n; j += HeadShape::kPad) {
    int64_t begin = 0;
    for (int64_t t = 0; t < tiles; ++t) {
      const int64_t end = m * (t + 1) / tiles;
      AddTileOf<Real>(end - begin, c + begin * n + j, n, k, a + begin * a_row, a_row, a_col, b + j,
                      alpha);
      begin = end;
    }
  }
}

template <typename Real>
inline Real SumLanes(const Vector<Real>& vector) {
  Real sum = 0;
  for (int lane = 0; lane < kLanes<Real>; ++lane) sum += vector[lane];
  return sum;
}

/// Dot product; count is a multiple of kPad.
template <typename Real>
inline Real Dot(const Real* a, const Real* b, int64_t count) {
  constexpr int kWide = kTileVectors<Real>;
  Vector<Real> sum[kWide] = {};
  for (int64_t i = 0; i < count; i += HeadShape::kPad) {
    for (int v = 0; v < kWide; ++v) {
      sum[v] += *reinterpret_cast<const Vector<Real>*>(a + i + v * kLanes<Real>) *
                *reinterpret_cast<const Vector<Real>*>(b + i + v * kLanes<Real>);
    }
  }
  Vector<Real> total = sum[0];
  for (int v = 1; v < kWide; ++v) total += sum[v];
  return SumLanes<Real>(total);
}

template <int kRows, int kColumns, typename Real>
inline void AddDots(Real* c, int64_t c_row, int64_t k, const Real* a, const Real* b, Real alpha) {
  Vector<Real> sum[kRows][kColumns] = {};
  for (int64_t i = 0; i < k; i += kLanes<Real>) {
    Vector<Real> left[kRows];
    for (int r = 0; r < kRows; ++r) left[r] = *reinterpret_cast<const Vector<Real>*>(a + r * k + i);
    for (int j = 0; j < kColumns; ++j) {
      const Vector<Real> right = *reinterpret_cast<const Vector<Real>*>(b + j * k + i);
      for (int r = 0; r < kRows; ++r) sum[r][j] += left[r] * right;
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int j = 0; j < kColumns; ++j) c[r * c_row + j] += alpha * SumLanes<Real>(sum[r][j]);
  }
}

/// HostMath::GemmTransposed: few rows and columns, a long inner dimension.
template <typename Real>
void AddProductTransposed(Real* c, int64_t c_row, int64_t m, int64_t n, int64_t k, const Real* a,
                          const Real* b, Real alpha) {
  constexpr int kRows = 2, kColumns = 4;
  for (int64_t i = 0; i < m; i += kRows) {
    const bool pair = i + kRows <= m;
    int64_t j = 0;
    for (; j + kColumns <= n; j += kColumns) {
      Real* place = c + i * c_row + j;
      if (pair) {
        AddDots<kRows, kColumns>(place, c_row, k, a + i * k, b + j * k, alpha);
      } else {
        AddDots<1, kColumns>(place, c_row, k, a + i * k, b + j * k, alpha);
      }
    }
    for (; j < n; ++j) {
      for (int64_t r = i; r < i + kRows && r < m; ++r) {
        AddDots<1, 1>(c + r * c_row + j, c_row, k, a + r * k, b + j * k, alpha);
      }
    }
  }
}

}  // namespace hearth
