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

/// An embedding table, or the share of it that this rank owns: a directory of ids, the table rows,
/// and the optimizer of the table rows. The table lives outside autograd: it hands out table rows
/// and takes back their gradients. The cost of a step depends on the touched rows alone.
class EmbeddingTable {
 public:
  /// Rows start with NewRowValues: now, or, in a table of dynamic ids, when an id gets a row.
  EmbeddingTable(const TableSpec& spec, TableOptimizer optimizer, uint64_t seed,
                 at::TensorOptions options, const TableOptions& table_options = {},
                 const TablePlacement& placement = {});

  /// Memory of the table that these arguments make, when it is full.
  static int64_t BytesFor(const TableSpec& spec, TableOptimizer optimizer,
                          at::TensorOptions options, const TableOptions& table_options = {},
                          const TablePlacement& placement = {});

  const std::string& name() const { return directory_.table_name(); }
  int64_t dim() const { return shape().dim; }
  const TableShape& shape() const { return directory_.shape(); }
  const RowDirectory& directory() const { return directory_; }
  /// The place of an id's row in rows(); RowDirectory::kNoRow when another rank has the row or the
  /// id has none.
  int64_t LocalRowOf(int64_t id) const { return directory_.Find(id); }

  /// Copies rows: ids -> [ids, dim]. This rank must own the ids; duplicates are allowed. An id
  /// without a row reads as a new row. FetchedRows has the rows of other ranks.
  at::Tensor Gather(std::span<const int64_t> ids) const;

  /// Takes the ids (ascending, unique, owned) that take part in an outer step. A table of dynamic
  /// ids gives a row to some ids and takes the row from others. Call it once in every step, before
  /// Apply.
  void AdmitIds(std::span<const int64_t> ids, int64_t step);
  /// Takes one optimizer step on the rows of `ids`, which this rank owns. gradient: [ids, dim], of
  /// the table's type and on its device. Duplicates are allowed: a row steps once, by the sum of
  /// its gradients in the order of the list. Ids without a row are left out. `l2`: a pull to zero,
  /// added once to the gradient of each touched row.
  void Apply(const std::vector<int64_t>& ids, const at::Tensor& gradient, double lr, double l2);

  /// Makes the table remember each row as it was before Apply first changes it. The table must have
  /// a row for every id.
  void StartTracking() { tracker_.emplace(dim(), rows_.options()); }
  /// The old values of the rows that changed since StartTracking or the last call.
  RowsById TakeTracked() { return tracker_->Take(); }

  /// Marks rows in RowDirectory::changed. AdmitIds and Apply mark their rows themselves; any other
  /// code that writes to the state below must mark the rows it writes.
  void MarkChanged(std::span<const int64_t> rows) { directory_.MarkChanged(rows); }
  void ForgetChanges() { directory_.ForgetChanges(); }

  /// The rows of this rank: [row, dim].
  at::Tensor& rows() { return rows_; }
  const at::Tensor& rows() const { return rows_; }
  RowOptimizer& optimizer() { return optimizer_; }

  /// Lists the state that makes the model: "rows"; a table of dynamic ids adds "ids", "last_step"
  /// and, if it keeps means, "means".
  void ListModel(StateList& list);
  /// Lists the state that only steps need: RowOptimizer's state and the waiting ids.
  void ListOptimizer(StateList& list);

 private:
  RowDirectory directory_;
  NewRowValues new_rows_;
  at::Tensor rows_;
  RowOptimizer optimizer_;
  std::optional<RowTracker> tracker_;
};

}  // namespace hearth
