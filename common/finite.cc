#include "common/finite.h"

#include <bit>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace hearth {
namespace {

/// NaN and infinity have all bits of the exponent set. The loop has no early end, so that it
/// vectorises.
template <typename Real>
bool HasNoFullExponent(std::span<const Real> values) {
  using Bits = std::conditional_t<sizeof(Real) == 4, uint32_t, uint64_t>;
  constexpr Bits kExponent = std::bit_cast<Bits>(std::numeric_limits<Real>::infinity());
  Bits bad = 0;
  for (const Real value : values) {
    const Bits is_bad = (std::bit_cast<Bits>(value) & kExponent) == kExponent;
    bad |= is_bad;
  }
  return bad == 0;
}

}  // namespace

bool AllFinite(std::span<const float> values) { return HasNoFullExponent(values); }
bool AllFinite(std::span<const double> values) { return HasNoFullExponent(values); }

}  // namespace hearth
