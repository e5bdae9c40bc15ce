#pragma once

#include <array>
#include <string>

#include "common/error.h"
#include "trainer/adapt/meta_options.h"

namespace hearth {

/// Every model and every method. Test lists that take all of them use these, so one line here puts
/// a new one into all such lists. TestNameOf does not compile without a case for a new enumerator.
inline constexpr std::array kEveryModel = {ModelOptions::Type::kEmbeddingDot,
                                           ModelOptions::Type::kEmbeddingMlp};
inline constexpr std::array kEveryMethod = {
    MetaOptions::Method::kJoint, MetaOptions::Method::kMaml,  MetaOptions::Method::kFomaml,
    MetaOptions::Method::kAnil,  MetaOptions::Method::kRidge, MetaOptions::Method::kPrototypes};

/// The name of a model in the names of tests: letters and digits alone.
inline std::string TestNameOf(ModelOptions::Type type) {
  switch (type) {
    case ModelOptions::Type::kEmbeddingDot:
      return "dot";
    case ModelOptions::Type::kEmbeddingMlp:
      return "mlp";
  }
  HEARTH_CHECK(false, "model {}", static_cast<int>(type));
}

/// The name of a method in the names of tests.
inline std::string TestNameOf(MetaOptions::Method method) {
  switch (method) {
    case MetaOptions::Method::kJoint:
      return "joint";
    case MetaOptions::Method::kMaml:
      return "maml";
    case MetaOptions::Method::kFomaml:
      return "fomaml";
    case MetaOptions::Method::kAnil:
      return "anil";
    case MetaOptions::Method::kRidge:
      return "ridge";
    case MetaOptions::Method::kPrototypes:
      return "prototypes";
  }
  HEARTH_CHECK(false, "method {}", static_cast<int>(method));
}

}  // namespace hearth
