#pragma once

#include <cstdint>

#include "trainer/table/embedding_table.h"

namespace hearth {

/// Outer optimizers. Config section `optim`.
struct OptimizerOptions {
  enum class Type { kAdam, kSgd };
  using TableType = TableOptimizer;
  enum class Schedule { kConstant, kCosine, kLinear };

  Type type = Type::kAdam;
  double lr = 1e-3;  ///< dense parameters, > 0
  /// The step size of parameters with ParameterSpec::own_rate: logarithms of inner rates, and of
  /// the strengths, prior and scale of closed forms.
  double inner_lr_lr = 1e-2;
  double weight_decay = 0.0;  ///< decoupled, dense parameters
  Schedule schedule = Schedule::kConstant;
  int64_t warmup_steps = 0;
  double clip_norm = 10.0;  ///< largest norm of the meta-gradient, table rows included; 0 = off
  TableType table_type = TableType::kAdam;
  double table_lr = 1e-3;  ///< table rows, > 0
  double table_l2 = 0.0;   ///< pull of touched table rows to zero, added to their gradient
};

}  // namespace hearth
