#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "trainer/optimize/optimizer_options.h"
#include "trainer/table/state_array.h"
#include "trainer/tensor/parameter_layout.h"

namespace hearth {

/// The factor on every learning rate at outer step `step` (0-based) of `max_steps`. A linear
/// warm-up rises from 1/warmup to 1. Then the factor stays 1, or falls to 0 along half a cosine or
/// a line.
double LearningRateFactor(const OptimizerOptions& options, int64_t step, int64_t max_steps);

/// Adam (adam.h) or SGD on the flat dense parameters. It works element by element, so its result
/// depends on its inputs alone.
class DenseOptimizer {
 public:
  /// `options`: the dtype and the device of the parameters.
  DenseOptimizer(const OptimizerOptions& optimizer, const ParameterLayout& layout,
                 at::TensorOptions options);

  /// Memory of the optimizer.
  static int64_t BytesFor(const ParameterLayout& layout, int64_t element_bytes);

  /// parameters [layout.size()], changed in place; gradient [layout.size()]; rate_factor: the
  /// result of LearningRateFactor.
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
