#pragma once

#include <ATen/core/Tensor.h>

namespace hearth {

/// True when every element is a number, neither infinite nor NaN. `tensor`: contiguous, of float or
/// double, on the CPU. The function makes one pass at the speed of memory.
bool IsFinite(const at::Tensor& tensor);

}  // namespace hearth
