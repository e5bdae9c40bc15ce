#pragma once

#include <cstdint>
#include <span>

#include <ATen/core/Tensor.h>

#include "common/id_groups.h"
#include "trainer/table/row_step.h"
#include "trainer/table/state_array.h"

namespace hearth {

/// The optimizer of the rows of one table, and its state. The cost of a step depends on the touched
/// rows alone. Every row's result is a function of its own state and gradient alone.
///
/// Row-wise Adagrad: v_r += mean(g_r^2);  x_r -= lr g_r / (sqrt(v_r) + eps).
/// Row-wise Adam keeps a first moment per element, and one second moment and one step count per
/// row. A row is thus corrected for its own age, not for the age of the run:
///   m_r = b1 m_r + (1 - b1) g_r;  v_r = b2 v_r + (1 - b2) mean(g_r^2);  n_r += 1
///   x_r -= lr (m_r / (1 - b1^n_r)) / (sqrt(v_r / (1 - b2^n_r)) + eps)
class RowOptimizer {
 public:
  /// Makes the state of `row_count` rows of `dim` numbers before their first step. `options`: dtype
  /// and device of the rows.
  RowOptimizer(TableOptimizer kind, int64_t row_count, int64_t dim, at::TensorOptions options);

  /// Memory of the state of `row_count` rows.
  static int64_t BytesFor(TableOptimizer kind, int64_t row_count, int64_t dim,
                          int64_t element_bytes);

  /// Takes one step of the rows `named`, in place; no row is named twice. rows: [row_count, dim].
  /// gradient: [named, dim], contiguous. `l2`: a pull to zero, added to the gradient of each named
  /// row.
  void Step(at::Tensor& rows, std::span<const int64_t> named, const at::Tensor& gradient, double lr,
            double l2);
  /// Takes one step of rows that may be named more than once: a row steps once, by the sum of its
  /// gradients [place, dim] in the order of the list.
  void Step(at::Tensor& rows, const IdGroups& named, const at::Tensor& gradient, double lr,
            double l2);
  /// Resets the state of a row, because another id has the row now.
  void Reset(int64_t row);

  /// The state: first moments [row, dim] (undefined for Adagrad), second moments [row] and ages
  /// [row]; the last two are strided views.
  at::Tensor& first_moment() { return first_moment_; }
  at::Tensor& second_moment() { return second_moment_; }
  at::Tensor& age() { return age_; }
  /// Lists the state: "first" (unless Adagrad), "second", "age".
  void ListState(const StateDomain& rows, StateList& list);

 private:
  template <typename Named>
  void StepNamed(at::Tensor& rows, const Named& named, const at::Tensor& gradient, double lr,
                 double l2);

  TableOptimizer kind_;
  at::Tensor first_moment_;
  at::Tensor state_;                // [row, 2] the two views below: every step needs both
  at::Tensor second_moment_, age_;  // views of state_
};

}  // namespace hearth
