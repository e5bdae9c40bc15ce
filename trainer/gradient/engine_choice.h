#pragma once

#include <memory>
#include <string>

#include "trainer/gradient/engine.h"

namespace hearth {

/// Which engine computes meta-gradients. Config key train.engine.
enum class EngineKind {
  kAuto,     ///< the fastest that applies
  kGeneric,  ///< autograd: any model, any method
  kFused,    ///< kernels for dense heads
};

struct ChosenEngine {
  std::unique_ptr<Engine> engine;
  std::string reason;  ///< for people: "fused (256-64-64-1 relu)"
};

/// `device`: of the parameters. Throws ConfigError when `kind` is kFused and it does not apply,
/// saying why.
ChosenEngine ChooseEngine(EngineKind kind, const EngineContext& context, at::Device device);

}  // namespace hearth
