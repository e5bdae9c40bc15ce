#pragma once

#include <functional>

#include "trainer/adapt/fast_rows.h"
#include "trainer/tensor/parameter_values.h"

namespace hearth {

/// What an inner step reads and changes.
struct InnerState {
  ParameterValues values;
  /// Of the support rows: what Score reads of them or, where rows adapt, the vectors that it is
  /// made of at the meta-parameters, and the fast weights of these.
  RowInputs inputs = {};
  MetVectors vectors = {};
  FastRows rows = {};
};

/// state -> the state one inner step later, in place. `differentiable`: with the graph from the old
/// state to the new one; otherwise with none. Both must make the same tensors, and keep the same
/// ones, and depend on nothing else that a gradient is wanted of.
using InnerStep = std::function<void(InnerState& state, bool differentiable)>;

/// Takes the step without its graph, and takes it again when gradients come back: a graph of one
/// step is kept at a time, for the price of a step more (checkpointing, Chen et al. 2016; for inner
/// loops, Franceschi et al. 2017). `step` is called from the backward pass, so what it refers to
/// must live as long as the graph.
void StepRecomputed(const InnerStep& step, InnerState& state);

}  // namespace hearth
