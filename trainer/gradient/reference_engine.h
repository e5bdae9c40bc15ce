#pragma once

#include "trainer/gradient/engine.h"

namespace hearth {

/// The oracle of the other engines and the pattern public meta-learning code uses: one task after
/// the other, each with its own autograd graph and un-batched fast weights. Slow; for tests and
/// bench. Does not treat non-finite tasks.
class ReferenceEngine : public Engine {
 public:
  ReferenceEngine(const EngineContext& context, const MetaOptions& options);

  std::string name() const override { return "reference"; }
  ChunkResult Compute(const Chunk& chunk, const MetaParameters& parameters,
                      bool hide_item_ids) const override;

 private:
  // Parameters and gathered table rows as one task sees them.
  struct TaskState {
    ParameterValues values;
    std::vector<at::Tensor> rows;  // [table]
  };

  // The state after the inner loop of a task of the batch.
  TaskState AdaptTask(TaskState state, const ChunkBatch& batch, int64_t task) const;
  // What Score reads of a task's rows.
  RowInputs InputsOf(const TaskState& state, const ChunkBatch& batch, int64_t task,
                     const RowBatch& rows) const;

  EngineContext context_;
  MetaOptions options_;
  InnerRates rates_;
};

}  // namespace hearth
