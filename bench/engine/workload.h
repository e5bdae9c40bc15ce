#pragma once

#include <memory>
#include <vector>

#include <ATen/core/Tensor.h>

#include "trainer/gradient/engine.h"

namespace hearth {

/// How many support rows the tasks of a workload have.
enum class Lengths {
  kFixed,            ///< 20 each
  kLognormal,        ///< median 33, mean 45 to 50, cut at 200
  kLognormalPadded,  ///< as many as the longest task of kLognormal: the cost of padding
};

struct WorkloadOptions {
  int64_t tasks = 32;
  int64_t inner_steps = 5;
  int64_t order = 2;  ///< 1: inner gradients are constants of the outer one; 2: exact
  Lengths lengths = Lengths::kFixed;
  int64_t chunk = 16;  ///< tasks that hearth's engines compute at a time: tasks.chunk
};

/// Rows of all tasks as plain tensors, padded to the longest task with rows of zeros of weight 0.
struct PlainRows {
  at::Tensor inputs;            ///< [tasks, rows, 256]
  at::Tensor labels;            ///< [tasks, rows]
  at::Tensor weights;           ///< [tasks, rows] 1 / rows of the task, 0 in the padding
  std::vector<int64_t> counts;  ///< [task] rows
};

/// The workload without anything of hearth: what the other contestants start from.
struct PlainTasks {
  std::vector<at::Tensor> theta;  ///< weight [in, out] and bias [out] of each layer
  PlainRows support, query;

  PlainTasks To(at::ScalarType type) const;
};

/// Sum over tasks of the gradient of the query loss after adaptation.
struct MetaGradient {
  std::vector<at::Tensor> theta;  ///< like PlainTasks::theta
  at::Tensor support, query;      ///< like PlainRows::inputs; support is 0 at first order
};

/// One outer step of a model of MeLU's size: 8 categorical fields of 32 numbers, dense layers
/// 256-64-64-1 with ReLU which adapt by gradient descent, mean squared error, 10 query rows,
/// float32. A pure function of its options.
class Workload {
 public:
  static constexpr int64_t kQueryRows = 10;
  static constexpr double kInnerLr = 0.01;

  explicit Workload(const WorkloadOptions& options);

  const WorkloadOptions& options() const { return options_; }
  /// The inputs of hearth's engines: what they are made from, and what they compute on.
  EngineContext context(bool recompute = false) const {
    return {recompute ? recomputing_ : learner_, data_.builder()};
  }
  const std::vector<Chunk>& chunks() const { return chunks_; }
  const MetaParameters& parameters() const { return parameters_; }
  /// The inputs of all other contestants.
  const PlainTasks& tasks() const { return tasks_; }

  /// What ChunkResult::row_gradients must be when the gradients of the inputs are `gradient`
  /// (float64): [chunk][table] [rows, dim].
  std::vector<std::vector<at::Tensor>> RowGradients(const MetaGradient& gradient) const;

 private:
  Workload(const WorkloadOptions& options, std::shared_ptr<const EntityTable> users);

  // The input vectors of a chunk's support and query rows, as a function of its table rows.
  struct ChunkInputs {
    ChunkBatch batch;
    std::vector<at::Tensor> rows;  // [table] [rows, dim], leaves of the graph
    at::Tensor support, query;     // [tasks, rows, 256]
  };

  ChunkInputs EncodeInputs(const Chunk& chunk, at::ScalarType type) const;
  PlainTasks MakePlainTasks() const;

  WorkloadOptions options_;
  Learner learner_;
  Learner recomputing_;  // the same with GradientDescentOptions::recompute
  DataBinding data_;
  MetaParameters parameters_;
  std::vector<Chunk> chunks_;
  PlainTasks tasks_;
};

}  // namespace hearth
