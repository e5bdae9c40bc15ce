#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

#include "trainer/table/rows_by_id.h"

namespace hearth {

/// Remembers table rows as they were before their first change.
class RowTracker {
 public:
  /// `dim`: numbers in a row. `options`: dtype and device of the rows.
  RowTracker(int64_t dim, at::TensorOptions options) : dim_(dim), options_(options) {}

  /// Returns the ids of a list without a remembered row. Repeated ids stay repeated.
  std::vector<int64_t> NotYetOf(std::span<const int64_t> ids) const;
  /// Remembers rows [ids, dim]. A row that is remembered already keeps its old values.
  void Remember(std::span<const int64_t> ids, const at::Tensor& rows);
  /// Returns all remembered rows and forgets them.
  RowsById Take();

 private:
  int64_t dim_;
  at::TensorOptions options_;
  std::map<int64_t, at::Tensor> rows_;  // [id] its row: [dim]
};

}  // namespace hearth
