#pragma once

#include <vector>

#include <ATen/ops/full.h>

#include "trainer/state/run_state.h"
#include "trainer/tensor/parameters.h"

namespace hearth {

/// The state of a run with three dense parameters, all equal, and no tables.
struct SmallState {
  explicit SmallState(double value)
      : layout(MakeLayout()),
        state{.parameters = {},
              .optimizer = DenseOptimizer(OptimizerOptions{}, layout, at::kDouble),
              .counters = {}} {
    state.parameters.dense = at::full({layout.size()}, value, at::kDouble);
  }

  static ParameterLayout MakeLayout() {
    ParameterLayout made;
    made.Add({.name = "w", .shape = {3}});
    return made;
  }

  /// The three parameters, without the padding of the layout.
  std::vector<double> values() const { return ToDoubles(state.parameters.dense.narrow(0, 0, 3)); }

  ParameterLayout layout;
  RunState state;
};

}  // namespace hearth
