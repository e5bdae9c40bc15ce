#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

namespace hearth {

/// Writes real numbers as int64 multiples of a power of two, the unit u. Sums of multiples need no
/// rounding, so they do not depend on the order. The unit is the smallest power of two such that
/// `terms` values up to the largest magnitude add up without overflow: u <= largest * terms *
/// 2^-60. Rounding a value errs by at most u / 2.
class FixedPoint {
 public:
  /// `largest`: the greatest magnitude of all values, finite, >= 0. `terms`: the greatest number of
  /// added values, >= 0.
  FixedPoint(double largest, int64_t terms);

  /// Returns the nearest multiple of the unit, ties to even. |value| <= largest.
  ///
  /// Compilers can vectorise this code; AVX2 has no instruction for llrint. Adding 1.5 * 2^52
  /// rounds a double below 2^51 to a whole number, ties to even, and leaves the number in the low
  /// bits. A multiple of up to 2^62 takes two such steps: multiples of 2^31, then the rest. All
  /// differences are exact.
  int64_t FromReal(double value) const {
    const double scaled = value * factor_high_ * factor_low_;
    const double high = scaled * 0x1p-31 + kRounder;
    const double low = (scaled - (high - kRounder) * 0x1p31) + kRounder;
    return (WholeNumber(high) << 31) + WholeNumber(low);
  }

  /// Returns the value of a sum, rounded once. It is infinite if beyond the range of Real.
  template <typename Real>
  Real ToReal(int64_t sum) const {
    // Scaling by a normal power of two does not round, so the conversion rounds once.
    const Real unit = UnitAs(Real{});
    if (unit > 0) return static_cast<Real>(sum) * unit;
    return ToTinyReal<Real>(sum);
  }

 private:
  static constexpr double kRounder = 0x1.8p52;
  static int64_t WholeNumber(double rounded) {
    return std::bit_cast<int64_t>(rounded) - std::bit_cast<int64_t>(kRounder);
  }
  float UnitAs(float) const { return unit_float_; }
  double UnitAs(double) const { return unit_double_; }
  template <typename Real>
  Real ToTinyReal(int64_t sum) const;

  // Their product is 1 / unit, and can itself be beyond the range of double. Both are powers of
  // two, so both multiplications are exact.
  double factor_high_, factor_low_;
  // Each is the unit if the unit is a normal number of the type, else 0.
  float unit_float_ = 0.0f;
  double unit_double_ = 0.0;
  long double unit_;  // its 64-bit mantissa holds any int64 times a power of two
};

}  // namespace hearth
