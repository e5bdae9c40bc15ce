#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "trainer/adapt/learner.h"

namespace hearth {

/// How far the meta-gradient of a chunk is from what it should be. Errors are the largest absolute
/// difference over the largest magnitude, dense parameters and embedding rows together.
struct GradientCheck {
  std::string engine;  ///< the one `auto` chooses, with its reason
  int64_t task_count = 0;
  int64_t checked_count = 0;  ///< elements compared with central differences
  /// Generic engine against central differences of the loss, float64; nothing for first order,
  /// whose gradient is of no loss. Differences need a smooth loss, and rows of zeros sit on the
  /// kink of relu at the start, so relu is replaced by gelu here (`smoothed`), and only here.
  std::optional<double> difference_error;
  bool smoothed = false;
  std::optional<double> fused_error;    ///< fused against generic engine, float64; where it applies
  std::optional<double> float32_error;  ///< the chosen engine in float32 against float64
  /// |second order - first order| / |second order|: the share of the gradient that a first-order
  /// method drops; nothing for methods without an inner loop of second order.
  std::optional<double> second_order_share;

  /// The largest errors that still count as right, for float64 and float32.
  static constexpr double kTolerance64 = 1e-5, kTolerance32 = 1e-3;
  bool passed() const;
};

/// Checks the gradient at the start values of a model: `samples` elements of each dense parameter
/// and of each table by central differences.
GradientCheck CheckGradient(const Dataset& dataset, const LearnerOptions& options,
                            const Chunk& chunk, uint64_t seed, int64_t samples);

}  // namespace hearth
