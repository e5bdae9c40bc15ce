#pragma once

#include <optional>
#include <span>
#include <vector>

#include "trainer/adapt/inner_state.h"
#include "trainer/adapt/meta_method.h"

namespace hearth {

/// Adaptation by gradient descent on the support loss:
///   theta_t^{k+1} = theta_t^k - alpha_{p,k} grad L(theta_t^k; S_t),  k = 0..K-1
/// for all tasks t of a chunk at once, with inner rates alpha that are constant or learned
/// (InnerRates). Sources: MAML
/// and its first-order form, Finn et al. 2017, Alg. 1-2; ANIL (only the head adapts), Raghu et al.
/// 2020; learned rates per layer and step, Antoniou et al. 2019.
class GradientDescent : public MetaMethod {
 public:
  GradientDescent(const MetaOptions& options, Recommender& model);

  AdaptedTasks Adapt(const ParameterValues& theta, const EncodedChunk& encoded,
                     const ChunkBatch& batch, bool differentiable) const override;
  const std::vector<int64_t>& adapted() const override { return adapted_; }
  bool adapts_rows() const override { return adapts_rows_; }

 private:
  // The support rows of a chunk.
  struct Support {
    RowBatch rows;
    MetGrams grams;  // where rows adapt
  };

  // Position among `adapted_`, its size for parameters that do not adapt.
  size_t UnitOf(int64_t parameter) const;
  // Whether a pass is cheaper with factors of `rows` rows per task than with a weight per task.
  bool PrefersFactors(int64_t weight, int64_t rows) const;
  // One inner step of all tasks. The weights of linear layers get theirs from the gradients of the
  // layers' outputs, so that no gradient of a weight per task is formed, and embedding rows from
  // those of the vectors they make.
  void Step(const Support& support, int64_t step, bool second_order, InnerState& state) const;
  // Of the scored parameters that are not of linear layers: the values to differentiate by, and
  // their step.
  std::vector<at::Tensor> StartDirect(int64_t task_count, int64_t step,
                                      ParameterValues& values) const;
  void DescendDirect(std::span<const at::Tensor> gradients, int64_t step,
                     ParameterValues& values) const;
  // The step of linear layers, given the gradients of the taps' outputs.
  void DescendLayers(std::span<const LayerTap> taps, std::span<const at::Tensor> gradients,
                     int64_t step, bool second_order, ParameterValues& values) const;
  // Explicit weights of every task, without a graph.
  void Finish(int64_t task_count, InnerState& state) const;

  MetaOptions options_;
  const Recommender& model_;
  std::vector<int64_t> scored_;   // adapted parameters that Score reads
  std::vector<int64_t> adapted_;  // these, then projections
  bool adapts_rows_;
  std::optional<InnerRates> rates_;
};

}  // namespace hearth
