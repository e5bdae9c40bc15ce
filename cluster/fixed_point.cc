#include "cluster/fixed_point.h"

#include <bit>
#include <cmath>
#include <limits>

#include "common/error.h"

namespace hearth {
namespace {

// A sum of all terms stays below 2^62 in magnitude.
constexpr int kSumBits = 62;

template <typename Real>
Real NormalOrZero(long double value) {
  using Limits = std::numeric_limits<Real>;
  return value >= Limits::min() && value <= Limits::max() ? static_cast<Real>(value) : Real{0};
}

static_assert(std::numeric_limits<long double>::digits >= 64,
              "exact sums need a long double with at least 64 bits of mantissa");

}  // namespace

FixedPoint::FixedPoint(double largest, int64_t terms) {
  HEARTH_CHECK(std::isfinite(largest) && largest >= 0 && terms >= 0, "largest {}, {} terms",
               largest, terms);
  int exponent = 0;  // largest < 2^exponent
  std::frexp(largest, &exponent);
  const int term_bits =
      terms > 1 ? static_cast<int>(std::bit_width(static_cast<uint64_t>(terms - 1))) : 0;
  const int scale = kSumBits - term_bits - exponent;  // unit = 2^-scale
  factor_high_ = std::ldexp(1.0, scale / 2);
  factor_low_ = std::ldexp(1.0, scale - scale / 2);
  unit_ = std::ldexp(1.0L, -scale);
  unit_float_ = NormalOrZero<float>(unit_);
  unit_double_ = NormalOrZero<double>(unit_);
}

template <typename Real>
Real FixedPoint::ToTinyReal(int64_t sum) const {
  return static_cast<Real>(static_cast<long double>(sum) * unit_);
}

template float FixedPoint::ToTinyReal<float>(int64_t) const;
template double FixedPoint::ToTinyReal<double>(int64_t) const;

}  // namespace hearth
