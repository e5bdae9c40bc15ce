#pragma once

#include "trainer/adapt/adaptation.h"

namespace hearth {

/// Closed-form adaptation of the model's last layer, (w, b) = last_layer(). Each task solves a
/// ridge regression of its support labels on the model's features x:
///   d = argmin sum over rows r of (y_r - s_r - [x_r, 1] d)^2 + sum_j strength_j d_j^2.
/// s_r is the score of the base model. A task's score is s + [x, 1] d. The base model's last layer
/// is the prior mean, and `strength` is the prior precision: one positive number per feature,
/// learned as a logarithm in "ridge.log_strength" [f + 1]. The gradient through the solution is
/// exact. State: "ridge.change" [tasks, f + 1]. Source: Bertinetto et al. 2019, "Meta-learning with
/// differentiable closed-form solvers" (R2-D2).
class RidgeHead : public Adaptation {
 public:
  /// Throws ConfigError unless the loss is the squared error.
  RidgeHead(MetaOptions::Loss loss, const Model& model, ParameterLayout& layout);

  TaskState Adapt(const ParameterValues& theta, const EncodedChunk& chunk,
                  Graph graph) const override;
  at::Tensor Score(const ParameterValues& theta, const TaskState& state, const ChunkBatch& batch,
                   const EncodedRows& rows) const override;

 private:
  // The features and a last feature of 1, [tasks, rows, f + 1], and the scores of the base model.
  struct Regression {
    at::Tensor x, score;
  };
  Regression RegressionOf(const ParameterValues& theta, const EncodedRows& rows) const;

  const Model& model_;
  int64_t log_strength_;  // parameter index
};

}  // namespace hearth
