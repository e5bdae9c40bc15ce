#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "cluster/byte_message.h"

namespace hearth {

/// The form of the numbers of table rows on their way between ranks (config key dist.wire).
enum class Wire {
  kFull,      ///< unchanged
  kBfloat16,  ///< rounded to 16 bits, 8 of them mantissa: half the bytes of float32
};

/// Returns the nearest bfloat16, ties to even; NaN stays NaN.
inline uint16_t ToBfloat16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const uint32_t rounded = bits + 0x7fffu + ((bits >> 16) & 1u);
  const uint32_t quiet_nan = bits | 0x400000u;
  return static_cast<uint16_t>((std::isnan(value) ? quiet_nan : rounded) >> 16);
}
inline float FromBfloat16(uint16_t bits) { return std::bit_cast<float>(uint32_t{bits} << 16); }

/// Write and read rows in the form of `wire`.
template <typename Real>
void AppendRows(std::span<const Real> values, Wire wire, MessageWriter& message) {
  if (wire == Wire::kFull) return message.Append(values);
  for (const Real value : values) message.AppendValue(ToBfloat16(static_cast<float>(value)));
}
template <typename Real>
void ReadRows(MessageReader& message, Wire wire, std::span<Real> out) {
  if (wire == Wire::kFull) return message.Read(out);
  for (Real& value : out) value = static_cast<Real>(FromBfloat16(message.ReadValue<uint16_t>()));
}

}  // namespace hearth
