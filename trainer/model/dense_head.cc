#include "trainer/model/dense_head.h"

#include <ATen/ops/gelu.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/tanh.h>

namespace hearth {

at::Tensor Activate(ModelOptions::Activation activation, const at::Tensor& x) {
  switch (activation) {
    case ModelOptions::Activation::kRelu:
      return at::relu(x);
    case ModelOptions::Activation::kGelu:
      return at::gelu(x);
    case ModelOptions::Activation::kTanh:
      return at::tanh(x);
    case ModelOptions::Activation::kIdentity:
      break;
  }
  return x;
}

}  // namespace hearth
