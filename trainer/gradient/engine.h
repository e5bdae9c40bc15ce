#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "sampler/meta_batch.h"
#include "trainer/adapt/learner.h"
#include "trainer/table/meta_parameters.h"

namespace hearth {

/// The result of an engine for one chunk: sums over the chunk's finite tasks, and losses per task.
struct ChunkResult {
  at::Tensor dense_gradient;                     ///< [layout.size()], on the CPU
  std::vector<std::vector<int64_t>> table_rows;  ///< [table] unique rows, ascending
  std::vector<at::Tensor> row_gradients;         ///< [table] [rows, dim], on the CPU
  std::vector<double> query_loss;                ///< [task] NaN if not finite
  int64_t finite_task_count = 0;
  double loss_sum = 0.0;  ///< sum of query_loss over finite tasks
};

/// The fixed inputs of a computation. Both must outlive the engine.
struct EngineContext {
  const Learner& learner;
  const BatchBuilder& builder;
};

/// Computes the meta-gradient of a chunk, and nothing else: the gradient of
/// sum over tasks of L(Score(Adapt(theta; S_t)); Q_t) with respect to theta and to the table rows.
/// A task with a non-finite loss or gradient is left out (weight 0) and reported; the results of
/// the other tasks do not depend on it. Not collective. An engine is called by the outer loop
/// alone.
class Engine {
 public:
  virtual ~Engine() = default;
  virtual std::string name() const = 0;
  /// `fetched`: the rows of sharded tables that the chunk names (FetchTableRows).
  virtual ChunkResult Compute(const Chunk& chunk, const MetaParameters& parameters,
                              const FetchedRows& fetched = {}) const = 0;
};

/// Makes ChunkResult::row_gradients of the table rows `rows` [table] from the gradients of
/// autograd. The gradients of the table rows are the last ones in the list. An undefined gradient
/// counts as zero: the loss does not reach those rows.
std::vector<at::Tensor> ToRowGradients(const std::vector<at::Tensor>& gradients,
                                       const std::vector<at::Tensor>& rows);

/// Runs `compute` on the chunk. If its result is not finite, runs it again on the tasks that are
/// finite by themselves. Counts and sums the finite tasks. Their sum may still be beyond the range
/// of a float: the gradient is not finite then, and OuterLoop skips the step with a reason.
ChunkResult ComputeFiniteTasks(const Chunk& chunk,
                               const std::function<ChunkResult(const Chunk&)>& compute);

/// Copies the tasks at the positions `keep` (ascending) of a chunk into a new chunk.
Chunk SelectTasks(const Chunk& chunk, const std::vector<int64_t>& keep);

}  // namespace hearth
