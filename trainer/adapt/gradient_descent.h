#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "trainer/adapt/adaptation.h"
#include "trainer/adapt/inner_rates.h"
#include "trainer/adapt/inner_state.h"
#include "trainer/adapt/task_loss.h"

namespace hearth {

/// Adaptation by gradient descent on the support loss:
///   theta_t^{k+1} = theta_t^k - alpha_{p,k} grad L(theta_t^k; S_t),  k = 0..K-1
/// for all tasks t of a chunk at once. The inner rates alpha are constant or learned (InnerRates).
/// A state holds the fast weights under the names of their parameters, explicit or as factors
/// ("NAME/inputs.K", "NAME/deltas.K"), and fast table rows (fast_rows.h).
/// Sources: MAML and its first-order form, Finn et al. 2017, Alg. 1-2; ANIL (the last layer
/// adapts), Raghu et al. 2020; learned rates per layer and step, Antoniou et al. 2019.
class GradientDescent : public Adaptation {
 public:
  /// `meta`: its method is kMaml, kFomaml or kAnil.
  GradientDescent(const MetaOptions& meta, const GradientDescentOptions& options,
                  const Model& model, ParameterLayout& layout);

  TaskState Adapt(const ParameterValues& theta, const EncodedChunk& chunk,
                  Graph graph) const override;
  at::Tensor Score(const ParameterValues& theta, const TaskState& state, const ChunkBatch& batch,
                   const EncodedRows& rows) const override;
  HeadOffer OffersHeadProgram() const override;
  bool is_exact_gradient() const override { return second_order_; }

  const InnerRates& rates() const { return rates_; }
  bool adapts_rows() const { return adapts_rows_; }

 private:
  // The support rows of a chunk.
  struct Support {
    LabelledRows rows;
    RowGrams grams;  // used if table rows adapt
  };

  InnerState Start(const ParameterValues& theta, const EncodedChunk& chunk) const;
  // True when a pass is cheaper with factors of `rows` rows per task than with a weight per task.
  bool PrefersFactors(int64_t weight, int64_t rows) const;
  // Takes one inner step of all tasks. The weights of linear layers step by the gradients of the
  // layers' outputs, so no gradient of a weight per task is formed. Table rows step by the
  // gradients of the vectors that they make.
  void Step(const Support& support, int64_t step, bool second_order, InnerState& state) const;
  // The loss of the inner loop [tasks]: TaskLosses of the support rows, scaled by
  // n / (n + support_prior) for a task of n rows.
  at::Tensor SupportLosses(const InnerState& state, const RowVectors& moved,
                           const LabelledRows& rows, std::vector<LayerTap>* taps) const;
  // Handle the head's parameters outside linear layers: StartDirect returns the values to
  // differentiate by, DescendDirect takes their step.
  std::vector<at::Tensor> StartDirect(int64_t task_count, int64_t step,
                                      ParameterValues& values) const;
  void DescendDirect(std::span<const at::Tensor> gradients, int64_t step,
                     ParameterValues& values) const;
  // Takes the step of linear layers, given the gradients of the taps' outputs.
  void DescendLayers(std::span<const LayerTap> taps, std::span<const at::Tensor> gradients,
                     int64_t step, bool second_order, ParameterValues& values) const;
  // Makes all weights explicit for every task, and drops their graph.
  void Finish(int64_t task_count, InnerState& state) const;
  TaskState ToState(const InnerState& state) const;
  ParameterValues ValuesOf(const ParameterValues& theta, const TaskState& state) const;

  MetaOptions::Loss loss_;
  GradientDescentOptions options_;
  bool second_order_;
  const Model& model_;
  const ParameterLayout& layout_;
  std::vector<int64_t> head_;  // adapted parameters of the head
  bool adapts_rows_;
  InnerRates rates_;
};

}  // namespace hearth
