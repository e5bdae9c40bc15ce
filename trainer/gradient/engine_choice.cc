#include "trainer/gradient/engine_choice.h"

#include "common/error.h"
#include "trainer/gradient/fused_engine.h"
#include "trainer/gradient/generic_engine.h"

namespace hearth {

ChosenEngine ChooseEngine(EngineKind kind, const EngineContext& context, at::Device device) {
  const std::string why_not = FusedEngine::WhyNot(context.learner, device);
  if (kind == EngineKind::kFused && !why_not.empty()) {
    throw ConfigError("train.engine=fused does not apply here: {}; use train.engine=auto", why_not);
  }
  if (kind == EngineKind::kGeneric) {
    return {std::make_unique<GenericEngine>(context), "generic (asked for)"};
  }
  if (!why_not.empty()) {
    return {std::make_unique<GenericEngine>(context), "generic (" + why_not + ")"};
  }
  auto fused = std::make_unique<FusedEngine>(context);
  std::string reason = "fused (" + fused->Describe() + ")";
  return {std::move(fused), std::move(reason)};
}

}  // namespace hearth
