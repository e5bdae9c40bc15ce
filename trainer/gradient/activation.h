#pragma once

#include <cmath>

#include "trainer/tensor/host_device.h"

namespace hearth {

/// Replaces z by gelu(z); slope and bend become its first and second derivative at the old z.
template <typename Real>
HEARTH_HOST_DEVICE inline void Gelu(Real& z, Real& slope, Real& bend) {
  const Real density = Real(0.3989422804014327) * std::exp(Real(-0.5) * z * z);
  const Real probability = Real(0.5) * (Real(1) + std::erf(z * Real(0.7071067811865476)));
  slope = probability + z * density;
  bend = density * (Real(2) - z * z);
  z *= probability;
}

/// Replaces z by tanh(z); slope and bend become its first and second derivative at the old z.
template <typename Real>
HEARTH_HOST_DEVICE inline void Tanh(Real& z, Real& slope, Real& bend) {
  const Real t = std::tanh(z);
  slope = Real(1) - t * t;
  bend = Real(-2) * t * slope;
  z = t;
}

/// 1 / (1 + exp(-x)), without overflow.
template <typename Real>
HEARTH_HOST_DEVICE inline Real Sigmoid(Real x) {
  const Real e = std::exp(x < 0 ? x : -x);
  return (x < 0 ? e : Real(1)) / (Real(1) + e);
}

/// log(1 + exp(x)), without overflow.
template <typename Real>
HEARTH_HOST_DEVICE inline Real Softplus(Real x) {
  return (x > 0 ? x : Real(0)) + std::log1p(std::exp(x > 0 ? -x : x));
}

}  // namespace hearth
