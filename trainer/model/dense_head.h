#pragma once

#include <vector>

#include "trainer/model/model_options.h"
#include "trainer/tensor/task_linear.h"

namespace hearth {

/// The end of a model: a stack of dense layers on the rows of a chunk. The last layer has width 1.
///   score = shift + offset + (h_L W_L + b_L), h_{l+1} = act(h_l W_l + b_l), h_0 = x.
/// Engines with kernels of their own read it.
struct DenseHead {
  std::vector<TaskLinear> layers;
  ModelOptions::Activation activation = ModelOptions::Activation::kIdentity;
  double output_offset = 0.0;
  /// True when x is [task vector, item vector], made by the model's encoders, and there is no
  /// shift.
  bool reads_vectors = false;
};

/// The inputs of a layer of a head, and a term of the score that does not pass through the head.
struct HeadRows {
  LayerInputs x;     ///< [tasks, rows, in]
  at::Tensor shift;  ///< [tasks, rows]; undefined: zero
};

at::Tensor Activate(ModelOptions::Activation activation, const at::Tensor& x);

}  // namespace hearth
