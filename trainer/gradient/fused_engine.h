#pragma once

#include <string>

#include "trainer/gradient/engine.h"
#include "trainer/gradient/fused_chunk.h"
#include "trainer/gradient/head_task.h"

namespace hearth {

/// Computes meta-gradients of dense heads with our own kernels: an adjoint of the inner loop
/// derived by hand, with the first adapted layer in Gram form (trainer/gradient/head_gradient.h).
/// It is exact, for second and for first order. The layers below the adapted ones go through
/// autograd, once per chunk.
class FusedEngine : public Engine {
 public:
  /// The reason why the engine cannot compute this, or "". The method must offer a program, the
  /// model a dense head, and the loss must be a sum over single rows. `device`: the device of the
  /// parameters.
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
  // Writes the gradients of the inner rates and of the head's parameters except W_0 to their places
  // in `gradients`, which holds the gradients of all parameters.
  template <typename Real>
  void UnpackGradients(const HeadChunkGradient& gradient, const Real* parameters,
                       Real* gradients) const;

  // A weight or bias: its offset among all parameters, and its offset in the tail (HeadShape). Its
  // rows are tail_row elements apart in the tail.
  struct TailMatrix {
    int64_t parameter, rows, width, tail, tail_row;
  };
  template <typename Visit>
  void ForEachTailMatrix(const Visit& visit) const;

  EngineContext context_;
  HeadProgram program_;
  int64_t below_;                   // number of layers of the head below the adapted ones
  std::vector<TaskLinear> layers_;  // the adapted layers
  HeadShape shape_;
};

}  // namespace hearth
