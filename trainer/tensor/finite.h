#pragma once

#include <ATen/core/Tensor.h>

namespace hearth {

/// Whether every element is a number, neither infinite nor NaN. A contiguous tensor of float or
/// double on the CPU; one pass at the speed of memory.
bool IsFinite(const at::Tensor& tensor);

}  // namespace hearth
