#pragma once

#include <algorithm>

#include <ATen/TensorOperators.h>
#include <ATen/ops/abs.h>

#include "trainer/gradient/engine.h"

namespace hearth {

// The largest absolute difference, divided by the largest magnitude of `expected`.
inline double RelativeError(const at::Tensor& actual, const at::Tensor& expected) {
  const at::Tensor difference = (actual.to(at::kDouble) - expected.to(at::kDouble)).abs();
  const double scale = expected.to(at::kDouble).abs().max().item<double>();
  return difference.max().item<double>() / std::max(scale, 1e-12);
}

inline double RelativeError(const ChunkResult& actual, const ChunkResult& expected) {
  double error = RelativeError(actual.dense_gradient, expected.dense_gradient);
  for (size_t t = 0; t < expected.row_gradients.size(); ++t) {
    if (expected.row_gradients[t].numel() == 0) continue;
    error = std::max(error, RelativeError(actual.row_gradients[t], expected.row_gradients[t]));
  }
  return error;
}

}  // namespace hearth
