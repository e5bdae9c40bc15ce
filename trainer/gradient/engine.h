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

/// What an engine returns for one chunk: sums over the chunk's finite tasks, and figures per task.
struct ChunkResult {
  at::Tensor dense_gradient;                     ///< [layout.size()], on the CPU
  std::vector<std::vector<int64_t>> table_rows;  ///< [table] unique rows, ascending
  std::vector<at::Tensor> row_gradients;         ///< [table] [rows, dim], on the CPU
  std::vector<double> query_loss;                ///< [task] NaN where not finite
  int64_t finite_task_count = 0;
  double loss_sum = 0.0;  ///< of query_loss over finite tasks
};

/// The fixed parts of a computation. Both must outlive the engine.
struct EngineContext {
  const Learner& learner;
  const BatchBuilder& builder;
};

/// *How* the meta-gradient of a chunk is computed, and nothing else: the gradient of
/// sum over tasks of L(Score(Adapt(theta; S_t)); Q_t) with respect to theta and to the table rows.
/// A task with a non-finite loss or gradient is left out (weight 0) and reported; the others'
/// results do not depend on it. Not collective. Only the outer loop calls an engine.
class Engine {
 public:
  virtual ~Engine() = default;
  virtual std::string name() const = 0;
  /// `fetched`: the rows of sharded tables that the chunk names (FetchTableRows).
  virtual ChunkResult Compute(const Chunk& chunk, const MetaParameters& parameters,
                              const FetchedRows& fetched = {}) const = 0;
};

/// ChunkResult::row_gradients of the embedding rows `rows` [table] from gradients of autograd, of
/// which theirs are the last; an undefined one, of rows that the loss does not reach, is zero.
std::vector<at::Tensor> ToRowGradients(const std::vector<at::Tensor>& gradients,
                                       const std::vector<at::Tensor>& rows);

/// Runs `compute`, which may return what is not finite, on the chunk; when it does, again on those
/// tasks alone that are finite by themselves. Counts and sums the finite tasks.
ChunkResult ComputeFiniteTasks(const Chunk& chunk,
                               const std::function<ChunkResult(const Chunk&)>& compute);

/// The tasks `keep` (ascending) of a chunk as a chunk of their own.
Chunk SelectTasks(const Chunk& chunk, const std::vector<int64_t>& keep);

}  // namespace hearth
