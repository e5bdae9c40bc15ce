#pragma once

#include <cstdint>

namespace hearth {

/// Adaptation by gradient descent (maml, fomaml, anil). Config section `meta`.
struct GradientDescentOptions {
  enum class Adapt { kDense, kHead, kAll };
  enum class LearnInnerLr { kNo, kPerParameter, kPerParameterAndStep, kPerElement };
  enum class FastWeights { kAuto, kExplicit, kFactored };

  int64_t inner_steps = 3;  ///< gradient steps on the support set, >= 1
  double inner_lr = 0.02;   ///< start value where it is learned, > 0
  LearnInnerLr learn_inner_lr = LearnInnerLr::kPerParameter;
  /// Pseudo-observations in the support loss of the inner loop: its mean over n rows is scaled by
  /// n / (n + support_prior), so that small supports move the parameters less, as in ridge
  /// regression. 0: the plain mean.
  double support_prior = 0.0;
  /// All dense layers, the last one (anil: always the last one), or the dense layers and the
  /// encoders of users and items: embedding rows and projections.
  Adapt adapt = Adapt::kDense;
  /// How autograd holds the fast weights of linear layers: a weight per task, or factors
  /// (FactoredTerm), or by the cost of each layer and step. The results are the same.
  FastWeights fast_weights = FastWeights::kAuto;
  /// The generic engine keeps the graph of one inner step at a time and repeats each step on the
  /// way back: memory does not grow with the steps, time does by a part of them.
  bool recompute = false;
};

}  // namespace hearth
