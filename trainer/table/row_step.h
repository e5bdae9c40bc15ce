#pragma once

#include <cmath>
#include <cstdint>

#include "trainer/table/row_lanes.h"

namespace hearth {

/// The row-wise optimizers; each keeps one second-moment number per row. RowOptimizer has the
/// formulas.
enum class TableOptimizer { kAdam, kAdagrad };

inline constexpr double kRowBeta1 = 0.9;
inline constexpr double kRowBeta2 = 0.999;
inline constexpr double kRowEpsilon = 1e-8;

/// The settings of one optimizer step, the same for all rows that it touches.
struct RowStep {
  TableOptimizer optimizer = TableOptimizer::kAdam;
  double lr = 0.0;
  double l2 = 0.0;  ///< a pull to zero, added to the gradient
};

/// Pointers to a table in the memory of the host or of a device.
template <typename Real>
struct TableMemory {
  Real* rows;          ///< [row, dim]
  Real* first_moment;  ///< [row, dim]; null for Adagrad
  Real* state;         ///< [row, 2] second moment; steps taken, a whole number
  int64_t dim;
};

namespace row_step {

using row_lanes::Pack;
using row_lanes::VisitPacks;

// Computes base^exponent by squaring. Exponents are ages of rows; pow would cost more than the rest
// of the row's step.
HEARTH_HOST_DEVICE inline double Power(double base, int64_t exponent) {
  double power = 1.0;
  for (; exponent > 0; exponent >>= 1, base *= base) {
    if ((exponent & 1) != 0) power *= base;
  }
  return power;
}

// The mean over the row of (gradient + l2 x)^2.
template <typename Real, typename Lanes>
HEARTH_HOST_DEVICE inline Real MeanSquare(const Lanes& lanes, const Real* x_row,
                                          const Real* gradient, int64_t dim, Real l2) {
  Pack<Real, Lanes::kPack> sums = {};
  Real rest = 0;  // sum of the single elements: adding them to `sums` would spill its register
  VisitPacks(lanes, dim, [&](int64_t i, auto access) {
    const auto x = access.Load(x_row + i);
    const auto g = access.Load(gradient + i);
    for (int j = 0; j < access.kSize; ++j) {
      const Real total = g.values[j] + l2 * x.values[j];
      (access.kSize == Lanes::kPack ? sums.values[j] : rest) += total * total;
    }
  });
  for (int width = Lanes::kPack / 2; width > 0; width /= 2) {
    for (int j = 0; j < width; ++j) sums.values[j] += sums.values[j + width];
  }
  return lanes.Sum(sums.values[0] + rest) / static_cast<Real>(dim);
}

// Adagrad: x -= rate (gradient + l2 x).
template <typename Real, typename Lanes>
HEARTH_HOST_DEVICE inline void MoveRow(const Lanes& lanes, Real* x_row, const Real* gradient,
                                       int64_t dim, Real l2, Real rate) {
  VisitPacks(lanes, dim, [&](int64_t i, auto access) {
    auto x = access.Load(x_row + i);
    const auto g = access.Load(gradient + i);
    for (int j = 0; j < access.kSize; ++j) x.values[j] -= rate * (g.values[j] + l2 * x.values[j]);
    access.Store(x, x_row + i);
  });
}

// Adam: m = b1 m + (1 - b1) (gradient + l2 x); x -= rate m.
template <typename Real, typename Lanes>
HEARTH_HOST_DEVICE inline void MoveRow(const Lanes& lanes, Real* x_row, Real* first_row,
                                       const Real* gradient, int64_t dim, Real l2, Real rate) {
  constexpr auto kKeep = static_cast<Real>(kRowBeta1);
  constexpr auto kTake = static_cast<Real>(1.0 - kRowBeta1);
  VisitPacks(lanes, dim, [&](int64_t i, auto access) {
    auto x = access.Load(x_row + i);
    auto m = access.Load(first_row + i);
    const auto g = access.Load(gradient + i);
    for (int j = 0; j < access.kSize; ++j) {
      m.values[j] = m.values[j] * kKeep + (g.values[j] + l2 * x.values[j]) * kTake;
      x.values[j] -= rate * m.values[j];
    }
    access.Store(m, first_row + i);
    access.Store(x, x_row + i);
  });
}

// The rate lr / ((1 - b1^age) (sqrt(second / (1 - b2^age)) + eps)).
template <typename Real>
HEARTH_HOST_DEVICE inline Real AdamRate(double lr, Real second, Real age) {
  const auto steps = static_cast<int64_t>(age);
  const double correction1 = 1.0 - Power(kRowBeta1, steps);
  const double correction2 = 1.0 - Power(kRowBeta2, steps);
  const double scale = std::sqrt(second / correction2) + kRowEpsilon;
  return static_cast<Real>(lr / (correction1 * scale));
}

}  // namespace row_step

/// Takes one optimizer step on one row. gradient: [dim]. All lanes of the row must call.
template <typename Real, typename Lanes>
HEARTH_HOST_DEVICE inline void StepRow(const Lanes& lanes, const TableMemory<Real>& table,
                                       int64_t row, const Real* gradient, const RowStep& step) {
  const auto l2 = static_cast<Real>(step.l2);
  Real* const x_row = table.rows + row * table.dim;
  Real* const state = table.state + row * 2;
  Real second = state[0];
  const Real age = state[1] + Real{1};
  const Real square = row_step::MeanSquare(lanes, x_row, gradient, table.dim, l2);
  if (step.optimizer == TableOptimizer::kAdagrad) {
    second += square;
    const double scale = std::sqrt(static_cast<double>(second)) + kRowEpsilon;
    const auto rate = static_cast<Real>(step.lr / scale);
    row_step::MoveRow(lanes, x_row, gradient, table.dim, l2, rate);
  } else {
    second = second * static_cast<Real>(kRowBeta2) + square * static_cast<Real>(1.0 - kRowBeta2);
    const Real rate = row_step::AdamRate(step.lr, second, age);
    Real* const first_row = table.first_moment + row * table.dim;
    row_step::MoveRow(lanes, x_row, first_row, gradient, table.dim, l2, rate);
  }
  if (lanes.index() == 0) {
    state[0] = second;
    state[1] = age;
  }
}

/// The gradients of one table row; a batch may hold several of them. They lie at `places` of
/// `values` [place, dim].
template <typename Real>
struct RowGradients {
  const Real* values;
  const int64_t* places;  ///< [count], count >= 1
  int64_t count;
};

/// Takes one optimizer step on one row by the sum of its gradients, added in the order of the
/// places. sum: [dim], overwritten. All lanes of the row must call.
template <typename Real, typename Lanes>
HEARTH_HOST_DEVICE inline void StepRow(const Lanes& lanes, const TableMemory<Real>& table,
                                       int64_t row, const RowGradients<Real>& gradients,
                                       const RowStep& step, Real* sum) {
  const Real* const first = gradients.values + gradients.places[0] * table.dim;
  if (gradients.count == 1) {
    StepRow(lanes, table, row, first, step);
    return;
  }
  // Each lane sums the elements that it steps, so no lane waits for another.
  row_lanes::VisitPacks(lanes, table.dim, [&](int64_t i, auto access) {
    auto total = access.Load(first + i);
    for (int64_t k = 1; k < gradients.count; ++k) {
      const auto g = access.Load(gradients.values + gradients.places[k] * table.dim + i);
      for (int j = 0; j < access.kSize; ++j) total.values[j] += g.values[j];
    }
    access.Store(total, sum + i);
  });
  StepRow(lanes, table, row, sum, step);
}

}  // namespace hearth
