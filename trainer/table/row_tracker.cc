#include "trainer/table/row_tracker.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>

namespace hearth {

std::vector<int64_t> RowTracker::NotYetOf(std::span<const int64_t> ids) const {
  std::vector<int64_t> fresh;
  for (const int64_t id : ids) {
    if (!rows_.contains(id)) fresh.push_back(id);
  }
  return fresh;
}

void RowTracker::Remember(std::span<const int64_t> ids, const at::Tensor& rows) {
  for (int64_t i = 0; i < std::ssize(ids); ++i) rows_.emplace(ids[i], rows.select(0, i));
}

RowsById RowTracker::Take() {
  RowsById taken;
  std::vector<at::Tensor> rows = {at::empty({0, dim_}, options_)};
  for (const auto& [id, row] : rows_) {
    taken.ids.push_back(id);
    rows.push_back(row.unsqueeze(0));
  }
  taken.rows = at::cat(rows, 0);
  rows_.clear();
  return taken;
}

}  // namespace hearth
