#pragma once

#include "trainer/adapt/adaptation.h"

namespace hearth {

/// Closed-form adaptation of the model's last layer, (w, b) = last_layer(). Each task solves a
/// ridge regression of its support labels on the model's features x:
///   d = argmin sum over rows r of (y_r - s_r - [x_r, 1] d)^2 + sum_j strength_j d_j^2.
/// s_r is the score of the base model. A task's score is s + [x, 1] d. The base model's last layer
/// is the prior mean, and `strength` is the prior precision: one positive number per feature,
/// learned as a logarithm in "ridge.log_strength" [f + 1]. The gradient through the solution is
/// exact. State: "ridge.change" [tasks, f + 1].
///
/// For bpr every support row is a positive event: its y_r is 1, and no feature of 1 is used, since
/// a constant orders nothing. Items without an event should score low. They enter as a learned
/// matrix U of the prior precision, in place of the sum of x x^T over all items:
///   d = argmin sum over rows r of (1 - s_r - x_r d)^2 + |U^T d|^2 + sum_j strength_j d_j^2,
/// and the score is a (s + x d). Learned parameters: U is "ridge.unseen" [f, f], the logarithm of a
/// is "ridge.log_scale" [1]. model.start=als starts U from the items' factors.
/// Sources: Bertinetto et al. 2019, "Meta-learning with differentiable closed-form solvers"
/// (R2-D2); Hu, Koren & Volinsky 2008 (positive events).
class RidgeHead : public Adaptation {
 public:
  /// Throws ConfigError for bce, which has no closed form.
  RidgeHead(MetaOptions::Loss loss, const Model& model, ParameterLayout& layout);

  TaskState Adapt(const ParameterValues& theta, const EncodedChunk& chunk,
                  Graph graph) const override;
  at::Tensor Score(const ParameterValues& theta, const TaskState& state, const ChunkBatch& batch,
                   const EncodedRows& rows) const override;

 private:
  // The features, for mse with a last feature of 1, [tasks, rows, f or f + 1], and the scores of
  // the base model.
  struct Regression {
    at::Tensor x, score;
  };
  Regression RegressionOf(const ParameterValues& theta, const EncodedRows& rows) const;
  at::Tensor Precision(const ParameterValues& theta) const;

  bool pairwise_;  // true for bpr
  const Model& model_;
  int64_t log_strength_, unseen_ = -1, log_scale_ = -1;  // parameter indexes; -1: not for this loss
};

}  // namespace hearth
