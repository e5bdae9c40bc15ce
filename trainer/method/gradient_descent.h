#pragma once

#include <vector>

#include "trainer/method/inner_state.h"
#include "trainer/method/meta_method.h"

namespace hearth {

/// Adaptation by gradient descent on the support loss:
///   theta_t^{k+1} = theta_t^k - alpha_{p,k} grad L(theta_t^k; S_t),  k = 0..K-1
/// for all tasks t of a chunk at once. The inner rates alpha are constants, or learned per
/// parameter tensor (and per step), stored as logarithms so that they stay positive. Sources: MAML
/// and its first-order form, Finn et al. 2017, Alg. 1-2; ANIL (only the head adapts), Raghu et al.
/// 2020; learned rates per layer and step, Antoniou et al. 2019.
class GradientDescent : public MetaMethod {
 public:
  GradientDescent(const MetaOptions& options, Recommender& model);

  AdaptedTasks Adapt(const ParameterValues& theta, const EncodedChunk& chunk,
                     const RowBatch& support, bool differentiable) const override;
  const std::vector<int64_t>& adapted() const override { return adapted_; }

 private:
  // rate * gradient, with the inner rate of adapted parameter `position` at a step.
  at::Tensor Scaled(const ParameterValues& values, int64_t step, size_t position,
                    const at::Tensor& gradient) const;
  // Whether a pass is cheaper with factors of `rows` rows per task than with a weight per task.
  bool PrefersFactors(int64_t weight, int64_t rows) const;
  // One inner step of all tasks. The weights of linear layers get theirs from the gradients of the
  // layers' outputs, so that no gradient of a weight per task is formed.
  void Step(const RowBatch& support, int64_t step, bool second_order, InnerState& state) const;
  // Explicit weights of every task, without a graph.
  void Finish(int64_t task_count, ParameterValues& values) const;

  MetaOptions options_;
  const Recommender& model_;
  std::vector<int64_t> adapted_;
  int64_t log_rates_ = -1;  // parameter index, -1: not learned
};

}  // namespace hearth
