#pragma once

#include <string>

#include "trainer/engine/engine.h"
#include "trainer/engine/fused_chunk.h"
#include "trainer/kernel/head_task.h"

namespace hearth {

/// Meta-gradients of dense heads by kernels of their own: an adjoint of the inner loop derived by
/// hand, with the first adapted layer in Gram form (trainer/kernel/head_gradient.h). Exact, second
/// order or first. What lies below the adapted layers goes through autograd, once per chunk.
class FusedEngine : public Engine {
 public:
  /// Why the engine cannot compute this, or "". `device`: of the parameters.
  static std::string WhyNot(const EngineContext& context, const MetaOptions& options,
                            at::Device device);

  /// WhyNot must be "".
  FusedEngine(const EngineContext& context, const MetaOptions& options);

  std::string name() const override { return "fused"; }
  ChunkResult Compute(const Chunk& chunk, const MetaParameters& parameters,
                      bool hide_item_ids) const override;

  /// "256-64-64-1 relu", for people.
  std::string Describe() const;

 private:
  // The head's inputs, and the same with their graph.
  struct Head {
    HeadChunk chunk;
    at::Tensor tasks, items, shift;
  };

  Head MakeHead(const ParameterValues& theta, const EncodedChunk& encoded, const Chunk& chunk,
                const ChunkBatch& batch) const;
  static std::vector<at::Tensor> FlowBack(const Head& head, const HeadChunkGradient& gradient,
                                          const std::vector<at::Tensor>& inputs);
  template <typename Real>
  ChunkResult ComputeAs(const Chunk& chunk, const MetaParameters& parameters,
                        bool hide_item_ids) const;
  template <typename Real>
  std::vector<Real> PackTail(const ParameterValues& theta) const;
  template <typename Real>
  std::vector<Real> Rates(const ParameterValues& theta) const;
  // The gradients of the adapted layers and the inner rates, at their places in `gradients`.
  void UnpackGradients(const ParameterValues& theta, const HeadChunkGradient& gradient,
                       std::vector<at::Tensor>& gradients) const;

  EngineContext context_;
  MetaOptions options_;
  int64_t log_rates_;               // FindLogInnerRates
  std::vector<TaskLinear> layers_;  // those that adapt
  std::vector<TaskLinear> below_;   // those before them
  HeadShape shape_;
};

}  // namespace hearth
