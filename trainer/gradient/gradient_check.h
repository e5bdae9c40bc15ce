#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "trainer/adapt/learner.h"

namespace hearth {

/// The errors of the meta-gradient of a chunk. An error is the largest absolute difference divided
/// by the largest magnitude, over dense parameters and table rows together.
struct GradientCheck {
  std::string engine;  ///< the engine that `auto` chooses, with the reason
  int64_t task_count = 0;
  /// Tasks whose loss and gradient are finite in float64. The engines leave out the others, so a
  /// comparison of two engines says nothing about them, and the check fails.
  int64_t finite_task_count = 0;
  int64_t checked_count = 0;  ///< elements compared with central differences
  /// Error of the generic engine against central differences of the loss, in float64. Empty for
  /// first-order methods: their gradient is not the derivative of any loss. Differences need a
  /// smooth loss, and table rows of zeros sit on the kink of relu at the start. So this comparison,
  /// and no other, replaces relu by gelu (`smoothed`).
  std::optional<double> difference_error;
  bool smoothed = false;
  /// Error of the fused against the generic engine, in float64; empty if the fused does not apply.
  std::optional<double> fused_error;
  std::optional<double> float32_error;  ///< error of the chosen engine in float32 against float64
  /// |second order - first order| / |second order|: the share of the gradient that a first-order
  /// method drops. Empty for methods without an inner loop of second order.
  std::optional<double> second_order_share;

  /// The largest errors that still pass, for float64 and for float32.
  static constexpr double kTolerance64 = 1e-5, kTolerance32 = 1e-3;
  /// True if all tasks are finite and every error is within its limit.
  bool passed() const;
};

/// Checks the gradient at the start values of a model. Central differences check `samples` elements
/// of each dense parameter and of each table.
GradientCheck CheckGradient(const Dataset& dataset, const LearnerOptions& options,
                            const Chunk& chunk, uint64_t seed, int64_t samples);

}  // namespace hearth
