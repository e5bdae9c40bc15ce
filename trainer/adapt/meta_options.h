#pragma once

#include <cstdint>

namespace hearth {

/// What adaptation is. Config section `meta`.
struct MetaOptions {
  enum class Method { kJoint, kMaml, kFomaml, kAnil };
  enum class Adapt { kDense, kHead, kAll };
  enum class LearnInnerLr { kNo, kPerParameter, kPerParameterAndStep, kPerElement };
  enum class Loss { kMse, kBce, kBpr };
  enum class FastWeights { kAuto, kExplicit, kFactored };

  Method method = Method::kMaml;
  int64_t inner_steps = 3;  ///< gradient steps on the support set, >= 1 (joint: ignored)
  double inner_lr = 0.02;   ///< start value where it is learned, > 0
  LearnInnerLr learn_inner_lr = LearnInnerLr::kPerParameter;
  /// Pseudo-observations in the support loss of the inner loop: its mean over n rows is scaled by
  /// n / (n + support_prior), so that small supports move the parameters less, as in ridge
  /// regression. 0: the plain mean.
  double support_prior = 0.0;
  /// All dense layers, the last one (anil: always the last one), or the dense layers and what
  /// encodes users and items: embedding rows and projections.
  Adapt adapt = Adapt::kDense;
  Loss loss = Loss::kMse;
  /// How autograd holds the fast weights of linear layers: a weight per task, or factors
  /// (FactoredUpdate), or by the cost of each layer and step. The results are the same.
  FastWeights fast_weights = FastWeights::kAuto;
  /// The generic engine keeps the graph of one inner step at a time and takes each step again on
  /// the way back: memory does not grow with the steps, time does by a part of them.
  bool recompute = false;
};

}  // namespace hearth
