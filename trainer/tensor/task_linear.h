#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "trainer/tensor/parameters.h"

namespace hearth {

/// A linear layer y = x W + b of a chunk of tasks. It hides how the weights are held: shared by all
/// tasks, or fast weights of each task, explicit or factored (ParameterValues).
class TaskLinear {
 public:
  /// Declares `name`.weight [in, out] and `name`.bias [out].
  TaskLinear(ParameterLayout& layout, const std::string& name, int64_t in, int64_t out);

  /// inputs [tasks, rows, in] -> [tasks, rows, out]. `taps`: null, or where the pass is recorded.
  at::Tensor Forward(const ParameterValues& values, const LayerInputs& inputs,
                     std::vector<LayerTap>* taps = nullptr) const;
  at::Tensor Forward(const ParameterValues& values, const at::Tensor& x,
                     std::vector<LayerTap>* taps = nullptr) const {
    return Forward(values, LayerInputs{.x = x}, taps);
  }

  int64_t weight() const { return weight_; }  ///< parameter index
  int64_t bias() const { return bias_; }

 private:
  // Forward without a tap. Sets `product` to x times the shared weight where that is formed.
  at::Tensor Apply(const ParameterValues& values, const LayerInputs& inputs,
                   at::Tensor* product) const;

  int64_t weight_;
  int64_t bias_;
};

}  // namespace hearth
