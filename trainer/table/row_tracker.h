#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

#include "trainer/table/rows_by_id.h"

namespace hearth {

/// Remembers table rows as they were before a first change.
class RowTracker {
 public:
  /// For rows of `dim` numbers of this dtype and device.
  RowTracker(int64_t dim, at::TensorOptions options) : dim_(dim), options_(options) {}

  /// The ids of a list with no row remembered; an id may stand there as often as in the list.
  std::vector<int64_t> NotYetOf(std::span<const int64_t> ids) const;
  /// Remembers rows [ids, dim], all but those that it remembers already.
  void Remember(std::span<const int64_t> ids, const at::Tensor& rows);
  /// Everything remembered; forgets it.
  RowsById Take();

 private:
  int64_t dim_;
  at::TensorOptions options_;
  std::map<int64_t, at::Tensor> rows_;  // [id] its row: [dim]
};

}  // namespace hearth
