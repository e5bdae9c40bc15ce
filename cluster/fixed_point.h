#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

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
  ///
  /// Written for compilers to vectorise, which no instruction of AVX2 does for llrint. Adding
  /// 1.5 * 2^52 rounds a double below 2^51 to a whole number, ties to even, and leaves that number
  /// in its low bits. A multiple of up to 2^62 takes two such steps, each of whose differences is
  /// exact: multiples of 2^31, then the rest.
  int64_t FromReal(double value) const {
    const double scaled = value * factor_high_ * factor_low_;
    const double high = scaled * 0x1p-31 + kRounder;
    const double low = (scaled - (high - kRounder) * 0x1p31) + kRounder;
    return (WholeNumber(high) << 31) + WholeNumber(low);
  }

  /// The value of a sum, rounded once. Infinite if beyond the range of Real.
  template <typename Real>
  Real ToReal(int64_t sum) const {
    const Real unit = std::is_same_v<Real, float> ? unit_float_ : static_cast<Real>(unit_double_);
    // Scaling by a normal power of two does not round, so the conversion alone does.
    if (unit > 0) return static_cast<Real>(sum) * unit;
    return ToTinyReal<Real>(sum);
  }

 private:
  static constexpr double kRounder = 0x1.8p52;
  static int64_t WholeNumber(double rounded) {
    return std::bit_cast<int64_t>(rounded) - std::bit_cast<int64_t>(kRounder);
  }
  template <typename Real>
  Real ToTinyReal(int64_t sum) const;

  // 1 / unit as a product: on its own it can be beyond the range of double. Powers of two, so
  // both multiplications are exact.
  double factor_high_, factor_low_;
  // The unit where it is a normal number of the type, else 0.
  float unit_float_ = 0.0f;
  double unit_double_ = 0.0;
  long double unit_;  // its 64-bit mantissa holds any int64 times a power of two
};

}  // namespace hearth
