#pragma once

#include <string>

#include "trainer/gradient/engine.h"
#include "trainer/gradient/fused_chunk.h"
#include "trainer/gradient/head_task.h"

namespace hearth {

/// Meta-gradients of dense heads by kernels of their own: an adjoint of the inner loop derived by
/// hand, with the first adapted layer in Gram form (trainer/gradient/head_gradient.h). Exact,
/// second order or first. What lies below the adapted layers goes through autograd, once per chunk.
class FusedEngine : public Engine {
 public:
  /// Why the engine cannot compute this, or "": the method must offer a program, the model a dense
  /// head, and the loss must be of single rows. `device`: of the parameters.
  static std::string WhyNot(const Learner& learner, at::Device device);

  /// WhyNot must be "".
  explicit FusedEngine(const EngineContext& context);

  std::string name() const override { return "fused"; }
  ChunkResult Compute(const Chunk& chunk, const MetaParameters& parameters,
                      const FetchedRows& fetched = {}) const override;

  /// "256-64-64-1 relu", for people.
  std::string Describe() const;

 private:
  template <typename Real>
  ChunkResult ComputeAs(const Chunk& chunk, const MetaParameters& parameters,
                        const FetchedRows& fetched) const;
  template <typename Real>
  std::vector<Real> PackTail(const Real* parameters) const;
  template <typename Real>
  std::vector<Real> Rates(const Real* parameters) const;
  // Writes the gradients of the head's parameters but W_0, and of the inner rates, to their places
  // among those of all parameters.
  template <typename Real>
  void UnpackGradients(const HeadChunkGradient& gradient, const Real* parameters,
                       Real* gradients) const;

  // A weight or bias: its offsets among all parameters and in the tail (HeadShape), where its rows
  // are tail_row apart.
  struct TailMatrix {
    int64_t parameter, rows, width, tail, tail_row;
  };
  template <typename Visit>
  void ForEachTailMatrix(const Visit& visit) const;

  EngineContext context_;
  HeadProgram program_;
  int64_t below_;                   // layers of the head before those that adapt
  std::vector<TaskLinear> layers_;  // those that adapt
  HeadShape shape_;
};

}  // namespace hearth
