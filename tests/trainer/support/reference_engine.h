#pragma once

#include <string>

#include "trainer/adapt/gradient_descent.h"
#include "trainer/gradient/engine.h"

namespace hearth {

/// The oracle of gradient descent and the pattern that public meta-learning code uses: one task
/// after the other, each with its own autograd graph and un-batched fast weights. Slow; for tests
/// and bench. Does not treat non-finite tasks.
class ReferenceEngine : public Engine {
 public:
  /// `options`: of the learner.
  ReferenceEngine(const EngineContext& context, const LearnerOptions& options)
      : context_(context), options_(options) {}

  std::string name() const override { return "reference"; }
  ChunkResult Compute(const Chunk& chunk, const MetaParameters& parameters,
                      const FetchedRows& fetched = {}) const override;

 private:
  // Parameters and gathered table rows as one task sees them.
  struct FastTask {
    ParameterValues values;
    std::vector<at::Tensor> rows;  // [table]
  };

  // The state after the inner loop of a task of the batch.
  FastTask AdaptTask(FastTask state, const ChunkBatch& batch, int64_t task) const;
  at::Tensor Loss(const FastTask& state, const ChunkBatch& batch, int64_t task,
                  const RowBatch& rows) const;

  EngineContext context_;
  LearnerOptions options_;
};

}  // namespace hearth
