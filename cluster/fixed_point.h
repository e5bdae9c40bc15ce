#pragma once

#include <cstdint>

namespace hearth {

/// Real numbers as int64 multiples of a power of two: sums of them have no rounding, so no order.
/// The unit is the smallest power of two for which `terms` values up to the largest magnitude add
/// up without overflow: u <= largest * terms * 2^-60, so rounding a value errs by at most u / 2.
class FixedPoint {
 public:
  /// largest: the greatest magnitude of all values, finite, >= 0. terms: how many values are added
  /// at most, >= 0.
  FixedPoint(double largest, int64_t terms);

  /// The nearest multiple of the unit, ties to even. |value| <= largest.
  int64_t FromReal(double value) const;
  /// The value of a sum, rounded once. Infinite if beyond the range of Real.
  template <typename Real>
  Real ToReal(int64_t sum) const;

 private:
  // 1 / unit as a product: on its own it can be beyond the range of double. Powers of two, so
  // both multiplications are exact.
  double factor_high_, factor_low_;
  long double unit_;  // its 64-bit mantissa holds any int64 times a power of two
};

}  // namespace hearth
