#include "storage/checkpoint/finite.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <type_traits>

namespace hearth {
namespace {

/// What is not finite has all bits of the exponent set. No early end, so that it vectorises.
template <typename Real>
bool AllFinite(const Real* values, int64_t count) {
  using Bits = std::conditional_t<sizeof(Real) == 4, uint32_t, uint64_t>;
  constexpr Bits kExponent = std::bit_cast<Bits>(std::numeric_limits<Real>::infinity());
  Bits bad = 0;
  for (int64_t i = 0; i < count; ++i) {
    bad |= static_cast<Bits>((std::bit_cast<Bits>(values[i]) & kExponent) == kExponent);
  }
  return bad == 0;
}

template <typename Real>
int64_t First(const Real* values, int64_t count) {
  constexpr int64_t kBlock = 4096;
  for (int64_t begin = 0; begin < count; begin += kBlock) {
    const int64_t end = std::min(begin + kBlock, count);
    if (AllFinite(values + begin, end - begin)) continue;
    const auto finite = [](Real value) { return std::isfinite(value); };
    return std::find_if_not(values + begin, values + end, finite) - values;
  }
  return -1;
}

}  // namespace

int64_t FirstNonFinite(const float* values, int64_t count) { return First(values, count); }
int64_t FirstNonFinite(const double* values, int64_t count) { return First(values, count); }

}  // namespace hearth
