#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace hearth {

/// The tensors that a step of Adam reads and writes: contiguous, all of one shape, dtype and
/// device.
struct AdamTensors {
  at::Tensor parameters, first_moment, second_moment;  ///< changed in place
  at::Tensor gradient;
  at::Tensor rate;   ///< learning rate of each element before the schedule
  at::Tensor decay;  ///< weight decay of each element
};

/// The numbers of one step of Adam, equal for all elements.
struct AdamStep {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double rate_factor = 1.0;  ///< factor of the schedule on every rate
  int64_t count = 1;         ///< number of steps, this one included
};

/// Adam (Kingma & Ba 2015) with decoupled weight decay (Loshchilov & Hutter 2019):
///   m = b1 m + (1 - b1) g,  v = b2 v + (1 - b2) g^2
///   x -= rate factor (m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps) + decay x)
/// Runs in host memory, in one pass. Each element depends on its own numbers alone.
void StepAdamOnHost(const AdamTensors& tensors, const AdamStep& step);
/// Does the same by tensor operations, on any device.
void StepAdamByTensors(const AdamTensors& tensors, const AdamStep& step);

}  // namespace hearth
