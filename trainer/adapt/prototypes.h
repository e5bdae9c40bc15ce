#pragma once

#include "trainer/adapt/adaptation.h"

namespace hearth {

/// Metric-based adaptation: a task has a prototype of the items it likes and a prototype of the
/// items it dislikes. A prototype is a weighted mean of the model's features x [f] over the support
/// rows:
///   like = (k like_0 + sum l_r x_r) / (k + sum l_r).
/// The weight l_r is max(0, y_r - c), and max(0, c - y_r) for `dislike`; c is the mean training
/// label. The learned prototypes like_0 and dislike_0 count as k rows. For bpr each row is liked,
/// and each of its negatives is disliked. A task's score is
///   s + a (|x - dislike|^2 - |x - like|^2),
/// and s is the score of the base model. Learned parameters: "prototypes.like",
/// "prototypes.dislike" [f]; the logarithms of k and a, "prototypes.log_prior",
/// "prototypes.log_scale" [1]. State: "prototypes.like", "prototypes.dislike" [tasks, f].
/// Source: Snell et al. 2017, "Prototypical networks for few-shot learning".
class Prototypes : public Adaptation {
 public:
  Prototypes(MetaOptions::Loss loss, double label_mean, const Model& model,
             ParameterLayout& layout);

  TaskState Adapt(const ParameterValues& theta, const EncodedChunk& chunk,
                  Graph graph) const override;
  at::Tensor Score(const ParameterValues& theta, const TaskState& state, const ChunkBatch& batch,
                   const EncodedRows& rows) const override;

 private:
  // The rows that a prototype averages: features [tasks, rows, f] and weights [tasks, rows].
  struct WeightedRows {
    at::Tensor x, weight;
  };
  at::Tensor Mean(const ParameterValues& theta, int64_t start, const WeightedRows& rows) const;

  bool pairwise_;  // true for bpr
  double label_mean_;
  const Model& model_;
  int64_t like_, dislike_, log_prior_, log_scale_;  // parameter indexes
};

}  // namespace hearth
