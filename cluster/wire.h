#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "cluster/byte_message.h"

namespace hearth {

/// How numbers of embedding rows travel between ranks (config key dist.wire).
enum class Wire {
  kFull,      ///< as they are
  kBfloat16,  ///< rounded to 16 bits, 8 of them mantissa: half the bytes of float32
};

/// The nearest bfloat16, ties to even; NaN stays NaN.
inline uint16_t ToBfloat16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  if (std::isnan(value)) return static_cast<uint16_t>((bits >> 16) | 0x40u);
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}
inline float FromBfloat16(uint16_t bits) {
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

/// Writes and reads rows in that form.
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
