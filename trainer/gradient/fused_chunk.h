#pragma once

#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include "trainer/gradient/head_task.h"

namespace hearth {

/// What the adapted head sees of a chunk. The input x of a row is [task vector, item vector];
/// either may have width 0. The head needs them for products of rows with each other; x W_0, where
/// they meet the parameters, is given. Rows are packed without padding: of each task its support
/// rows, then its query rows.
struct HeadChunk {
  at::Tensor tasks;              ///< [tasks, a]
  at::Tensor items;              ///< [items, b]
  at::Tensor task_start;         ///< [tasks, width[1]] tasks times the first a rows of W_0
  at::Tensor item_start;         ///< [items, width[1]] items times the other b rows
  at::Tensor shift;              ///< [rows] added to the output, or undefined
  std::vector<int64_t> item;     ///< [row] position in items
  std::vector<int64_t> begin;    ///< [tasks + 1] first row of each task
  std::vector<int64_t> support;  ///< [tasks] support rows of each
  std::vector<double> labels;    ///< [row]
  double support_prior = 0.0;    ///< MetaOptions::support_prior

  int64_t row_count(size_t task) const { return begin[task + 1] - begin[task]; }
  /// The most support rows and the most query rows of a task.
  std::pair<int64_t, int64_t> MostRows() const;
};

/// Sums over the tasks of a chunk, and what flows back into its inputs.
struct HeadChunkGradient {
  at::Tensor tasks, items, task_start, item_start;  ///< of the tensors of the same name
  at::Tensor shift;
  std::vector<double> tail;    ///< [tail_size] as in HeadShape
  std::vector<double> rates;   ///< [inner_steps, rate_count]
  std::vector<double> losses;  ///< [tasks] of the query rows
};

/// Runs every task of a chunk through the kernels, on the calling thread. A task that is not finite
/// spoils the sums. Real: float or double, the type of all tensors, which are contiguous and on the
/// CPU. tail: [tail_size]; rates: [steps, rate_count].
template <typename Real>
HeadChunkGradient DifferentiateHead(const HeadShape& shape, const std::vector<Real>& tail,
                                    const std::vector<Real>& rates, double output_offset,
                                    const HeadChunk& chunk);

}  // namespace hearth
