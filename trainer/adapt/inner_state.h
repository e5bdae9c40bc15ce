#pragma once

#include <functional>

#include "trainer/adapt/fast_rows.h"
#include "trainer/tensor/parameter_values.h"

namespace hearth {

/// Everything that an inner step reads and changes.
struct InnerState {
  ParameterValues values;
  /// The inputs of the head for the support rows and their negatives, where table rows do not
  /// adapt: the same in every step.
  HeadRows rows = {}, negatives = {};
  /// The vectors of the support rows at the meta-parameters, where table rows adapt.
  RowVectors vectors = {};
  /// The fast weights of these vectors.
  FastRows fast = {};
};

/// state -> the state one inner step later, in place. `differentiable`: with the graph from the old
/// state to the new one; otherwise with none. Both must make the same tensors, and keep the same
/// ones, and depend on nothing else that needs a gradient.
using InnerStep = std::function<void(InnerState& state, bool differentiable)>;

/// Takes the step without its graph, and takes it again when gradients come back: one step's graph
/// is kept at a time, for the price of one more step (checkpointing, Chen et al. 2016; for inner
/// loops, Franceschi et al. 2017). The backward pass calls `step`, so everything that `step` refers
/// to must live as long as the graph.
void StepRecomputed(const InnerStep& step, InnerState& state);

}  // namespace hearth
