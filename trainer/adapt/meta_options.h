#pragma once

#include "trainer/adapt/gradient_descent_options.h"
#include "trainer/model/model_options.h"

namespace hearth {

/// The meta-learning method and its loss. Config section `meta`.
struct MetaOptions {
  enum class Method { kJoint, kMaml, kFomaml, kAnil, kRidge, kPrototypes };
  enum class Loss { kMse, kBce, kBpr };

  Method method = Method::kMaml;
  Loss loss = Loss::kMse;
};

/// True for pointwise losses: a sampled negative is a further row of label 0. A pairwise loss
/// compares a row with its negatives.
inline bool NegativesAreRows(MetaOptions::Loss loss) { return loss != MetaOptions::Loss::kBpr; }

/// All options of a learner; the schema of its data is given apart. Each family of methods has
/// options of its own.
struct LearnerOptions {
  ModelOptions model;
  MetaOptions meta;
  GradientDescentOptions descent;
};

}  // namespace hearth
