#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "trainer/tensor/parameter_layout.h"
#include "trainer/tensor/parameter_values.h"

namespace hearth {

/// The first values of all parameters: a pure function of (layout, seed). Returns [layout.size()];
/// the padding is zero.
at::Tensor InitializeParameters(const ParameterLayout& layout, uint64_t seed,
                                at::TensorOptions options);

/// Returns a view of the flat buffer for each parameter, in the parameter's shape. Nothing is
/// copied.
ParameterValues ViewParameters(const ParameterLayout& layout, const at::Tensor& flat);

/// Fresh leaves of the autograd graph with the values of `flat`.
ParameterValues MakeLeaves(const ParameterLayout& layout, const at::Tensor& flat);

/// The inverse of ViewParameters for gradients: returns one flat tensor [layout.size()]. The
/// padding is zero. A gradient is undefined when the loss does not reach its parameter; it counts
/// as zero.
at::Tensor FlattenGradients(const ParameterLayout& layout, const std::vector<at::Tensor>& gradients,
                            at::TensorOptions options);

/// The elements of a tensor of any type and device, in row-major order.
std::vector<double> ToDoubles(const at::Tensor& tensor);
/// The inverse of ToDoubles: a tensor of the type and on the device of `options`.
at::Tensor FromDoubles(const std::vector<double>& values, at::IntArrayRef shape,
                       at::TensorOptions options);
at::Tensor FromIntegers(const std::vector<int64_t>& values, at::IntArrayRef shape,
                        at::Device device);

}  // namespace hearth
