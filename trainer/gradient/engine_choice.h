#pragma once

#include <memory>
#include <string>

#include "trainer/gradient/engine.h"

namespace hearth {

/// The engine that computes meta-gradients. Config key train.engine.
enum class EngineKind {
  kAuto,     ///< the fastest engine that applies
  kGeneric,  ///< autograd: any model, any method
  kFused,    ///< kernels for dense heads
};

struct ChosenEngine {
  std::unique_ptr<Engine> engine;
  std::string reason;  ///< for people, as in "fused (256-64-64-1 relu)"
};

/// `device`: the device of the parameters. Throws ConfigError when `kind` is kFused and the fused
/// engine does not apply; the message says why.
ChosenEngine ChooseEngine(EngineKind kind, const EngineContext& context, at::Device device);

}  // namespace hearth
