#include "trainer/adapt/adaptation.h"

#include <algorithm>

#include "common/error.h"
#include "trainer/adapt/gradient_descent.h"
#include "trainer/adapt/no_adaptation.h"
#include "trainer/adapt/prototypes.h"
#include "trainer/adapt/ridge_head.h"

namespace hearth {

const at::Tensor* TaskState::Find(const std::string& name) const {
  const auto place =
      std::ranges::find_if(tensors, [&](const NamedTensor& entry) { return entry.name == name; });
  return place == tensors.end() ? nullptr : &place->tensor;
}

void TaskState::Add(std::string name, at::Tensor tensor) {
  HEARTH_CHECK(Find(name) == nullptr, "{}", name);
  tensors.push_back({.name = std::move(name), .tensor = std::move(tensor)});
}

std::unique_ptr<Adaptation> MakeAdaptation(const LearnerOptions& options, const InputSchema& schema,
                                           const Model& model, ParameterLayout& layout) {
  const MetaOptions& meta = options.meta;
  switch (meta.method) {
    case MetaOptions::Method::kJoint:
      return std::make_unique<NoAdaptation>(model);
    case MetaOptions::Method::kMaml:
    case MetaOptions::Method::kFomaml:
    case MetaOptions::Method::kAnil:
      return std::make_unique<GradientDescent>(meta, options.descent, model, layout);
    case MetaOptions::Method::kRidge:
      return std::make_unique<RidgeHead>(meta.loss, model, layout);
    case MetaOptions::Method::kPrototypes:
      return std::make_unique<Prototypes>(meta.loss, schema.RowLabelMean(), model, layout);
  }
  HEARTH_CHECK(false, "method {}", static_cast<int>(meta.method));
}

}  // namespace hearth
