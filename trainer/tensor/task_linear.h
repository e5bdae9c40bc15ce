#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "trainer/tensor/parameters.h"

namespace hearth {

/// A linear layer y = x W + b for a chunk of tasks. Callers need not know how the weights are held:
/// all tasks share them, or each task has fast weights, explicit or factored (ParameterValues).
class TaskLinear {
 public:
  /// Declares `name`.weight [in, out] and `name`.bias [out].
  TaskLinear(ParameterLayout& layout, const std::string& name, int64_t in, int64_t out);

  /// inputs [tasks, rows, in] -> [tasks, rows, out]. `taps`: receives the record of the pass; may
  /// be null.
  at::Tensor Forward(const ParameterValues& values, const LayerInputs& inputs,
                     std::vector<LayerTap>* taps = nullptr) const;
  at::Tensor Forward(const ParameterValues& values, const at::Tensor& x,
                     std::vector<LayerTap>* taps = nullptr) const {
    return Forward(values, LayerInputs{.x = x}, taps);
  }

  int64_t weight() const { return weight_; }  ///< parameter index
  int64_t bias() const { return bias_; }

 private:
  // Forward without a tap. Sets `product` to x times the shared weight if the pass forms it.
  at::Tensor Apply(const ParameterValues& values, const LayerInputs& inputs,
                   at::Tensor* product) const;

  int64_t weight_;
  int64_t bias_;
};

}  // namespace hearth
