#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "trainer/table/new_row_values.h"
#include "trainer/table/row_directory.h"
#include "trainer/table/row_optimizer.h"
#include "trainer/table/row_tracker.h"
#include "trainer/table/rows_by_id.h"
#include "trainer/table/state_array.h"
#include "trainer/table/table_options.h"

namespace hearth {

/// An embedding table, or the part of it that this rank owns: a directory of ids, rows, and the
/// optimizer of the rows. It lives outside autograd: it hands out rows and takes back row
/// gradients. Only touched rows cost anything in a step.
class EmbeddingTable {
 public:
  /// Rows start with NewRowValues; rows of a table of dynamic ids when an id gets one.
  EmbeddingTable(const TableSpec& spec, TableOptimizer optimizer, uint64_t seed,
                 at::TensorOptions options, const TableOptions& table_options = {},
                 const TablePlacement& placement = {});

  const std::string& name() const { return directory_.table_name(); }
  int64_t dim() const { return shape().dim; }
  const TableShape& shape() const { return directory_.shape(); }
  const RowDirectory& directory() const { return directory_; }
  /// The place of an id's row in rows(); RowDirectory::kNoRow: on another rank, or the id has none.
  int64_t LocalRowOf(int64_t id) const { return directory_.Find(id); }

  /// Copies rows: any ids this rank owns, duplicates allowed -> [ids, dim]. An id without a row
  /// reads as a new row. FetchedRows has the rows of other ranks.
  at::Tensor Gather(std::span<const int64_t> ids) const;

  /// Tells a table of dynamic ids which ids (ascending, unique, owned) take part in an outer step:
  /// some get a row, others lose theirs. To be called once in every step, before Apply.
  void AdmitIds(std::span<const int64_t> ids, int64_t step);
  /// One optimizer step on the rows `ids`, owned; gradient [ids, dim], of the table's type and on
  /// its device. Duplicates are allowed: a row steps once, by the sum of its gradients in the order
  /// of the list. Ids without a row are left out. `l2`: pull to zero, added once to the gradient of
  /// each touched row.
  void Apply(const std::vector<int64_t>& ids, const at::Tensor& gradient, double lr, double l2);

  /// Makes the table remember rows as they were before Apply first changes them. A table with a
  /// row for every id only.
  void StartTracking() { tracker_.emplace(dim(), rows_.options()); }
  /// The rows changed since StartTracking or the last call, as they were before.
  RowsById TakeTracked() { return tracker_->Take(); }

  /// RowDirectory::changed. AdmitIds and Apply mark rows; whoever writes to the state below has to
  /// mark them, too.
  void MarkChanged(std::span<const int64_t> rows) { directory_.MarkChanged(rows); }
  void ForgetChanges() { directory_.ForgetChanges(); }

  /// The rows of this rank: [row, dim].
  at::Tensor& rows() { return rows_; }
  const at::Tensor& rows() const { return rows_; }
  RowOptimizer& optimizer() { return optimizer_; }

  /// Lists the state that makes the model: "rows", and of a table of dynamic ids "ids", "last_step"
  /// and, if there are any, "means".
  void ListModel(StateList& list);
  /// Lists the state that steps need beside: that of RowOptimizer and of waiting ids.
  void ListOptimizer(StateList& list);

 private:
  RowDirectory directory_;
  NewRowValues new_rows_;
  at::Tensor rows_;
  RowOptimizer optimizer_;
  std::optional<RowTracker> tracker_;
};

}  // namespace hearth
