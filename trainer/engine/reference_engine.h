#pragma once

#include "trainer/engine/engine.h"

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
  // Parameters after the inner loop of one task: `chunk` and `support` hold that task alone.
  ParameterValues AdaptTask(const ParameterValues& theta, const EncodedChunk& chunk,
                            const RowBatch& support) const;
  // The inner rate of adapted parameter `position` at a step.
  at::Tensor RateOf(const ParameterValues& theta, int64_t step, size_t position) const;

  EngineContext context_;
  MetaOptions options_;
  int64_t log_rates_;  // FindLogInnerRates
};

}  // namespace hearth
