#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "trainer/tensor/parameter_layout.h"
#include "trainer/tensor/parameter_values.h"

namespace hearth {

/// First values of all parameters: a pure function of (layout, seed). Returns [layout.size()], zero
/// in the padding.
at::Tensor InitializeParameters(const ParameterLayout& layout, uint64_t seed,
                                at::TensorOptions options);

/// Views of the flat buffer, one per parameter, each with its shape. No copies.
ParameterValues ViewParameters(const ParameterLayout& layout, const at::Tensor& flat);

/// Fresh leaves of the autograd graph with the values of `flat`.
ParameterValues MakeLeaves(const ParameterLayout& layout, const at::Tensor& flat);

/// The inverse of ViewParameters for gradients: one flat tensor [layout.size()]; undefined
/// gradients (parameters the loss does not reach) and the padding are zero.
at::Tensor FlattenGradients(const ParameterLayout& layout, const std::vector<at::Tensor>& gradients,
                            at::TensorOptions options);

/// The elements of a tensor of any type and device, in row-major order.
std::vector<double> ToDoubles(const at::Tensor& tensor);
/// The inverse: a tensor of the type and on the device of `options`.
at::Tensor FromDoubles(const std::vector<double>& values, at::IntArrayRef shape,
                       at::TensorOptions options);
at::Tensor FromIntegers(const std::vector<int64_t>& values, at::IntArrayRef shape,
                        at::Device device);

}  // namespace hearth
