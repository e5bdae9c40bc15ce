#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "trainer/optimize/optimizer_options.h"
#include "trainer/table/state_array.h"
#include "trainer/tensor/parameter_layout.h"

namespace hearth {

/// Factor on every learning rate at outer step `step` (0-based) of `max_steps`: a linear warm-up
/// from 1/warmup to 1, then constant, half a cosine to 0, or a line to 0.
double LearningRateFactor(const OptimizerOptions& options, int64_t step, int64_t max_steps);

/// Adam (adam.h) or SGD on the flat dense parameters. Element-wise, so its result does not depend
/// on anything but its inputs.
class DenseOptimizer {
 public:
  /// `options`: dtype and device of the parameters.
  DenseOptimizer(const OptimizerOptions& optimizer, const ParameterLayout& layout,
                 at::TensorOptions options);

  /// parameters, stepped in place, and gradient [layout.size()]. `rate_factor`: from
  /// LearningRateFactor.
  void Step(at::Tensor& parameters, const at::Tensor& gradient, double rate_factor);

  /// The state: moments [layout.size()] and the number of steps taken.
  at::Tensor& first_moment() { return first_moment_; }
  at::Tensor& second_moment() { return second_moment_; }
  /// Lists the moments: "first", "second".
  void ListState(StateList& list);
  int64_t step_count() const { return step_count_; }
  void set_step_count(int64_t count) { step_count_ = count; }

 private:
  OptimizerOptions options_;
  at::Tensor rate_;   // [layout.size()] learning rate of each element before the schedule
  at::Tensor decay_;  // [layout.size()] weight decay of each element
  at::Tensor first_moment_, second_moment_;
  int64_t step_count_ = 0;
};

}  // namespace hearth
