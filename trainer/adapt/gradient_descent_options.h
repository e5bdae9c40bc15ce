#pragma once

#include <cstdint>

namespace hearth {

/// Adaptation by gradient descent (maml, fomaml, anil). Config section `meta`.
struct GradientDescentOptions {
  enum class Adapt { kDense, kHead, kAll };
  enum class LearnInnerLr { kNo, kPerParameter, kPerParameterAndStep, kPerElement };
  enum class FastWeights { kAuto, kExplicit, kFactored };

  int64_t inner_steps = 3;  ///< gradient steps on the support set, >= 1
  double inner_lr = 0.02;   ///< > 0; the start value if the rate is learned
  LearnInnerLr learn_inner_lr = LearnInnerLr::kPerParameter;
  /// The number of pseudo-observations in the support loss of the inner loop. The mean over n rows
  /// is scaled by n / (n + support_prior), so small supports move the parameters less, similar to
  /// ridge regression. 0: the plain mean.
  double support_prior = 0.0;
  /// The parameters that adapt. kDense: all dense layers. kHead: the last dense layer (anil always
  /// adapts this layer alone). kAll: all dense layers and the encoders of users and items, that is,
  /// table rows and projections.
  Adapt adapt = Adapt::kDense;
  /// The form of the fast weights of linear layers under autograd: a weight per task, or factors
  /// (FactoredTerm). kAuto chooses by the cost of each layer and step. The results are the same.
  FastWeights fast_weights = FastWeights::kAuto;
  /// True: the generic engine keeps the graph of one inner step at a time and repeats each step in
  /// the backward pass. Memory then does not grow with the number of steps; the time grows by the
  /// repeated steps.
  bool recompute = false;
};

}  // namespace hearth
