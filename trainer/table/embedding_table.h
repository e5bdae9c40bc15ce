#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "cluster/row_request.h"
#include "trainer/table/dynamic_ids.h"
#include "trainer/table/row_marks.h"
#include "trainer/table/row_step.h"
#include "trainer/table/table_options.h"

namespace hearth {

/// How the ranks share the table of a spec.
TableShape ShapeOf(const TableSpec& spec, const TableOptions& options, int64_t element_bytes,
                   const TablePlacement& placement);

/// Rows of a table as they were.
struct TrackedRows {
  std::vector<int64_t> ids;  ///< ascending
  at::Tensor before;         ///< [ids, dim]
};

/// An embedding table with its row-wise optimizer, or the part of it that this rank owns. It lives
/// outside autograd: it hands out rows and takes back row gradients. Only touched rows cost
/// anything in a step.
///
/// Row-wise Adagrad: v_r += mean(g_r^2);  x_r -= lr g_r / (sqrt(v_r) + eps).
/// Row-wise Adam: first moment per element, one second moment and one step count per row, so a row
/// that appears for the first time is corrected for its own age, not the run's:
///   m_r = b1 m_r + (1 - b1) g_r;  v_r = b2 v_r + (1 - b2) mean(g_r^2);  n_r += 1
///   x_r -= lr (m_r / (1 - b1^n_r)) / (sqrt(v_r / (1 - b2^n_r)) + eps)
///
/// Rows are kept in the order of RowPartition. A table with more ids than TableOptions::capacity
/// has rows for some of them only (DynamicIds).
class EmbeddingTable {
 public:
  /// Start values: normal with TableSpec::init_scale, a pure function of (seed, table, id).
  EmbeddingTable(const TableSpec& spec, TableOptimizer optimizer, uint64_t seed,
                 at::TensorOptions options, const TableOptions& table_options = {},
                 const TablePlacement& placement = {});

  const std::string& name() const { return name_; }
  /// Ids are in [0, id_count()).
  int64_t id_count() const { return id_count_; }
  /// Rows on all ranks together: id_count(), or the capacity.
  int64_t row_count() const { return shape_.partition.row_count(); }
  int64_t dim() const { return shape_.dim; }
  const TableShape& shape() const { return shape_; }
  /// The positions of this rank's rows; all of them unless shape().sharded.
  PositionRange owned() const { return owned_; }
  /// Where in rows() the row of an id is; -1: on another rank, or the id has none.
  int64_t LocalRowOf(int64_t id) const;

  /// Copies rows: any ids, duplicates allowed -> [ids, dim]. Of a sharded table only ids that the
  /// last SetFetched brought. An id without a row reads as a new row.
  at::Tensor Gather(const std::vector<int64_t>& ids) const;
  /// The same for ids this rank owns; always answers from the rows themselves.
  at::Tensor GatherOwned(std::span<const int64_t> ids) const;
  /// Rows of a sharded table for the next calls of Gather; ids ascend, rows [ids, dim].
  void SetFetched(std::vector<int64_t> ids, at::Tensor rows);

  /// Tells a table of dynamic ids which ids (ascending, unique, owned) take part in an outer step:
  /// some get a row, others lose theirs. To be called once in every step, before Apply.
  void See(const std::vector<int64_t>& ids, int64_t step);
  /// One optimizer step on the rows `ids`, owned; gradient [ids, dim], of the table's type and on
  /// its device. Duplicates are allowed: a row steps once, by the sum of its gradients in the order
  /// of the list. Ids without a row are left out. `l2`: pull to zero, added once to the gradient of
  /// each touched row.
  void Apply(const std::vector<int64_t>& ids, const at::Tensor& gradient, double lr, double l2);

  /// From now on the table remembers what rows were before Apply first changed them. A table with a
  /// row for every id only.
  void StartTracking() { tracks_ = true; }
  /// The rows changed since StartTracking or the last call.
  TrackedRows TakeTracked();

  /// Which of this rank's rows See, Apply and MarkChanged changed since ForgetChanges. Whoever
  /// writes to the tensors below has to mark rows.
  const RowMarks& changed_rows() const { return dynamic_ ? dynamic_->rows().changed() : changed_; }
  void MarkChanged(const std::vector<int64_t>& local_rows);
  void ForgetChanges();

  /// The state of this rank's rows, for checkpoints and for setting start values: values, first
  /// moments (undefined for Adagrad), second moments and ages. [row, dim], [row, dim], [row],
  /// [row]; the last two are strided views.
  at::Tensor& rows() { return rows_; }
  const at::Tensor& rows() const { return rows_; }
  at::Tensor& first_moment() { return first_moment_; }
  at::Tensor& second_moment() { return second_moment_; }
  at::Tensor& age() { return age_; }
  /// Null for a table with a row for every id.
  DynamicIds* dynamic_ids() { return dynamic_ ? &*dynamic_ : nullptr; }
  const DynamicIds* dynamic_ids() const { return dynamic_ ? &*dynamic_ : nullptr; }
  /// NewRows::kMean: the mean of each owned bucket's rows [bucket, dim + 1], the last column the
  /// number of rows it was taken of; else undefined.
  at::Tensor& bucket_means() { return bucket_means_; }

 private:
  template <typename Real>
  void StepBy(const std::vector<int64_t>& rows, bool unique, const Real* gradient,
              const RowStep& step);
  template <typename Real>
  TableMemory<Real> Memory();
  void RequireIds(std::span<const int64_t> ids) const;
  std::vector<int64_t> LocalRowsOf(std::span<const int64_t> ids) const;
  at::Tensor CopyRows(const at::Tensor& from, const std::vector<int64_t>& places) const;
  // The values of a new row for an id, in double: [dim].
  void NewRow(int64_t id, double* values) const;
  void RefreshMeans(int64_t step);
  void Track(const std::vector<int64_t>& ids);

  std::string name_;
  TableOptimizer optimizer_;
  uint64_t seed_;
  double init_scale_;
  int64_t id_count_;
  TableShape shape_;
  int64_t first_bucket_, bucket_count_;  // owned
  PositionRange owned_;
  at::Tensor rows_;
  at::Tensor first_moment_;
  at::Tensor state_;                // [row, 2] side by side, since every step needs both
  at::Tensor second_moment_, age_;  // views of state_
  std::optional<DynamicIds> dynamic_;
  at::Tensor bucket_means_;
  RowMarks changed_;  // of a table with a row for every id
  bool tracks_ = false;
  std::map<int64_t, at::Tensor> tracked_;  // [id] its row before
  std::vector<int64_t> fetched_ids_;
  at::Tensor fetched_rows_;
};

}  // namespace hearth
