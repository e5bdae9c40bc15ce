#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

namespace hearth {

/// Copies of some rows of a table.
struct RowsById {
  std::vector<int64_t> ids;  ///< ascending, unique
  at::Tensor rows;           ///< [ids, dim]
};

}  // namespace hearth
