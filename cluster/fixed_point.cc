#include "cluster/fixed_point.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "common/error.h"

namespace hearth {
namespace {

// The magnitude of a sum of all terms stays below 2^62.
constexpr int kSumBits = 62;

// Returns `value` if it is a normal number of the type, else 0.
template <typename Real>
Real NormalOrZero(long double value) {
  using Limits = std::numeric_limits<Real>;
  if (value < Limits::min() || value > Limits::max()) return Real{0};
  return static_cast<Real>(value);
}

static_assert(std::numeric_limits<long double>::digits >= 64,
              "exact sums need a long double with at least 64 bits of mantissa");

}  // namespace

FixedPoint::FixedPoint(double largest, int64_t terms) {
  HEARTH_CHECK(std::isfinite(largest) && largest >= 0 && terms >= 0, "largest {}, {} terms",
               largest, terms);
  int exponent = 0;  // largest < 2^exponent
  std::frexp(largest, &exponent);
  const uint64_t greatest_term = std::max(terms, int64_t{1}) - 1;
  const int term_bits = 64 - std::countl_zero(greatest_term);
  const int scale = kSumBits - term_bits - exponent;  // unit = 2^-scale
  factor_high_ = std::ldexp(1.0, scale / 2);
  factor_low_ = std::ldexp(1.0, scale - scale / 2);
  unit_ = std::ldexp(1.0L, -scale);
  unit_float_ = NormalOrZero<float>(unit_);
  unit_double_ = NormalOrZero<double>(unit_);
}

template <typename Real>
Real FixedPoint::ToTinyReal(int64_t sum) const {
  return static_cast<Real>(sum * unit_);
}

template float FixedPoint::ToTinyReal<float>(int64_t) const;
template double FixedPoint::ToTinyReal<double>(int64_t) const;

}  // namespace hearth
