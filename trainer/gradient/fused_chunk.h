#pragma once

#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include "trainer/gradient/head_task.h"

namespace hearth {

/// The inputs of the adapted head for a chunk. The input x of a row is [task vector, item vector];
/// either may have width 0. The head uses x itself only for products of rows with each other; the
/// product with the parameters, x W_0, is given. Rows are packed without padding, task after task:
/// first the support rows of a task, then its query rows.
struct HeadChunk {
  at::Tensor tasks;              ///< [tasks, a]
  at::Tensor items;              ///< [items, b]
  at::Tensor task_start;         ///< [tasks, width[1]] tasks times the first a rows of W_0
  at::Tensor item_start;         ///< [items, width[1]] items times the other b rows
  at::Tensor shift;              ///< [rows] added to column 0 of x W_0, or undefined; the output of
                                 ///< a head of one layer, so other heads have none
  std::vector<int64_t> item;     ///< [row] position in items
  std::vector<int64_t> begin;    ///< [tasks + 1] first row of each task
  std::vector<int64_t> support;  ///< [tasks] number of support rows
  std::vector<double> labels;    ///< [row]
  double support_prior = 0.0;    ///< MetaOptions::support_prior

  int64_t row_count(size_t task) const { return begin[task + 1] - begin[task]; }
  /// The largest number of support rows and the largest number of query rows of a task.
  std::pair<int64_t, int64_t> MostRows() const;
};

/// Gradients of a chunk: sums over its tasks, and the gradients of its inputs.
struct HeadChunkGradient {
  at::Tensor tasks, items, task_start, item_start;  ///< gradients of the tensors of HeadChunk
  at::Tensor shift;
  std::vector<double> tail;    ///< [tail_size] in the layout of HeadShape
  std::vector<double> rates;   ///< [inner_steps, rate_count]
  std::vector<double> losses;  ///< [tasks] losses of the query rows
};

/// Runs every task of a chunk through the kernels, on the calling thread. A task that is not finite
/// makes the sums not finite. Real: float or double, the type of all tensors; the tensors are
/// contiguous and on the CPU. tail: [tail_size]; rates: [steps, rate_count].
template <typename Real>
HeadChunkGradient DifferentiateHead(const HeadShape& shape, const std::vector<Real>& tail,
                                    const std::vector<Real>& rates, double output_offset,
                                    const HeadChunk& chunk);

}  // namespace hearth
