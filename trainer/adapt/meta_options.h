#pragma once

#include "trainer/adapt/gradient_descent_options.h"
#include "trainer/model/model_options.h"

namespace hearth {

/// Which meta-learning method, and its loss. Config section `meta`.
struct MetaOptions {
  enum class Method { kJoint, kMaml, kFomaml, kAnil, kRidge, kPrototypes };
  enum class Loss { kMse, kBce, kBpr };

  Method method = Method::kMaml;
  Loss loss = Loss::kMse;
};

/// Everything a learner is made from beside the schema of its data. Each family of methods has
/// options of its own.
struct LearnerOptions {
  ModelOptions model;
  MetaOptions meta;
  GradientDescentOptions descent;
};

}  // namespace hearth
