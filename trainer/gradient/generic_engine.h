#pragma once

#include "trainer/gradient/engine.h"

namespace hearth {

/// Runs LibTorch autograd over all tasks of a chunk at once. It is exact for any method and for any
/// model built from the task-aware layers, for second and for first order.
class GenericEngine : public Engine {
 public:
  explicit GenericEngine(const EngineContext& context) : context_(context) {}

  std::string name() const override { return "generic"; }
  ChunkResult Compute(const Chunk& chunk, const MetaParameters& parameters,
                      const FetchedRows& fetched = {}) const override;

 private:
  // One pass over the chunk. One task that is not finite makes the whole result not finite.
  ChunkResult ComputeAll(const Chunk& chunk, const MetaParameters& parameters,
                         const FetchedRows& fetched) const;

  EngineContext context_;
};

}  // namespace hearth
