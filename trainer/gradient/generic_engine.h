#pragma once

#include "trainer/gradient/engine.h"

namespace hearth {

/// LibTorch autograd over all tasks of a chunk at once: exact for any model built of the task-aware
/// layers and any method, second order or first.
class GenericEngine : public Engine {
 public:
  explicit GenericEngine(const EngineContext& context) : context_(context) {}

  std::string name() const override { return "generic"; }
  ChunkResult Compute(const Chunk& chunk, const MetaParameters& parameters,
                      const FetchedRows& fetched = {}) const override;

 private:
  // One pass over the chunk; the result is not finite when any task's is not.
  ChunkResult ComputeAll(const Chunk& chunk, const MetaParameters& parameters,
                         const FetchedRows& fetched) const;

  EngineContext context_;
};

}  // namespace hearth
