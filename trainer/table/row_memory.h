#pragma once

#include <cstdint>
#include <span>

#include <ATen/core/Tensor.h>

namespace hearth {

/// Allocates memory for table rows. Steps read and write it at random places, so huge pages are
/// preferred. The values are not set.
at::Tensor EmptyTableRows(at::IntArrayRef shape, const at::TensorOptions& options);

/// Copies rows: out[i] = rows[places[i]]. rows: [row, dim], float or double, contiguous, on the
/// host or on a CUDA device. Places may repeat.
at::Tensor CopyTableRows(const at::Tensor& rows, std::span<const int64_t> places);

}  // namespace hearth
