#pragma once

#include <string>

#include "trainer/adapt/gradient_descent.h"
#include "trainer/gradient/engine.h"

namespace hearth {

/// The oracle of gradient descent. It follows the pattern of public meta-learning code: it computes
/// one task after the other, each with its own autograd graph and un-batched fast weights. It is
/// slow and serves tests and bench. It does not treat non-finite tasks.
class ReferenceEngine : public Engine {
 public:
  /// `options`: the options of the learner.
  ReferenceEngine(const EngineContext& context, const LearnerOptions& options)
      : context_(context), options_(options) {}

  std::string name() const override { return "reference"; }
  ChunkResult Compute(const Chunk& chunk, const MetaParameters& parameters,
                      const FetchedRows& fetched = {}) const override;

 private:
  // One task's own parameters and gathered table rows.
  struct FastTask {
    ParameterValues values;
    std::vector<at::Tensor> rows;  // [table]
  };

  // Returns the state of a task of the batch after the inner loop.
  FastTask AdaptTask(FastTask state, const ChunkBatch& batch, int64_t task) const;
  at::Tensor Loss(const FastTask& state, const ChunkBatch& batch, int64_t task,
                  const RowBatch& rows) const;

  EngineContext context_;
  LearnerOptions options_;
};

}  // namespace hearth
