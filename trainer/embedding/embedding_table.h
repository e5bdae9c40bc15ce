#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "trainer/kernel/row_step.h"
#include "trainer/model/recommender.h"

namespace hearth {

/// An embedding table with its row-wise optimizer. It lives outside autograd: it hands out rows and
/// takes back row gradients. Only touched rows cost anything in a step.
///
/// Row-wise Adagrad: v_r += mean(g_r^2);  x_r -= lr g_r / (sqrt(v_r) + eps).
/// Row-wise Adam: first moment per element, one second moment and one step count per row, so a row
/// that appears for the first time is corrected for its own age, not the run's:
///   m_r = b1 m_r + (1 - b1) g_r;  v_r = b2 v_r + (1 - b2) mean(g_r^2);  n_r += 1
///   x_r -= lr (m_r / (1 - b1^n_r)) / (sqrt(v_r / (1 - b2^n_r)) + eps)
class EmbeddingTable {
 public:
  /// Start values: normal with TableSpec::init_scale, a pure function of (seed, table, row).
  EmbeddingTable(const TableSpec& spec, TableOptimizer optimizer, uint64_t seed,
                 at::TensorOptions options);

  const std::string& name() const { return name_; }
  int64_t row_count() const { return rows_.size(0); }
  int64_t dim() const { return rows_.size(1); }

  /// Copies rows: ids in [0, row_count()), duplicates allowed -> [ids, dim].
  at::Tensor Gather(const std::vector<int64_t>& ids) const;

  /// One optimizer step on the rows `ids`; gradient [ids, dim], of the table's type and on its
  /// device. Duplicates are allowed: a row steps once, by the sum of its gradients in the order of
  /// the list. `l2`: pull to zero, added once to the gradient of each touched row.
  void Apply(const std::vector<int64_t>& ids, const at::Tensor& gradient, double lr, double l2);

  /// The state: values, first moments (undefined for Adagrad), second moments and ages, for
  /// checkpoints and for setting start values. [row, dim], [row, dim], [row], [row]; the last two
  /// are strided views.
  at::Tensor& rows() { return rows_; }
  const at::Tensor& rows() const { return rows_; }
  at::Tensor& first_moment() { return first_moment_; }
  at::Tensor& second_moment() { return second_moment_; }
  at::Tensor& age() { return age_; }

 private:
  template <typename Real>
  void StepBy(const std::vector<int64_t>& ids, const Real* gradient, const RowStep& step);
  void RequireOwnRows(const std::vector<int64_t>& ids) const;
  template <typename Real>
  TableMemory<Real> Memory();

  std::string name_;
  TableOptimizer optimizer_;
  at::Tensor rows_;
  at::Tensor first_moment_;
  at::Tensor state_;                // [row, 2] side by side, since every step needs both
  at::Tensor second_moment_, age_;  // views of state_
};

/// Everything that is learned: the flat dense parameters and the embedding tables.
struct MetaParameters {
  at::Tensor dense;                    ///< [layout.size()]
  std::vector<EmbeddingTable> tables;  ///< in the order of Recommender::tables()
};

/// Copies of the rows a batch touches: table_rows[table] ids -> [table] tensor [ids, dim].
std::vector<at::Tensor> GatherTableRows(const MetaParameters& parameters,
                                        const std::vector<std::vector<int64_t>>& table_rows);

/// First values of a model: a pure function of (model, seed).
MetaParameters InitializeMetaParameters(const Recommender& model, TableOptimizer optimizer,
                                        uint64_t seed, at::TensorOptions options);

}  // namespace hearth
