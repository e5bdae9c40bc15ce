#pragma once

#include <functional>

#include "trainer/adapt/fast_rows.h"
#include "trainer/tensor/parameter_values.h"

namespace hearth {

/// The state that an inner step reads and changes.
struct InnerState {
  ParameterValues values;
  /// The inputs of the head for the support rows and their negatives, the same in every step. Used
  /// if table rows do not adapt.
  HeadRows rows = {}, negatives = {};
  /// The vectors of the support rows at the meta-parameters. Used if table rows adapt.
  RowVectors vectors = {};
  /// The fast weights of these vectors.
  FastRows fast = {};
};

/// Takes one inner step of a state, in place. `differentiable`: true keeps the graph from the old
/// state to the new state, false keeps none. Both must make the same new tensors and keep the same
/// old tensors. They must depend on nothing else that needs a gradient.
using InnerStep = std::function<void(InnerState& state, bool differentiable)>;

/// Takes the step without its graph, and takes it again in the backward pass. One step's graph is
/// kept at a time, at the price of one more run of each step (checkpointing, Chen et al. 2016; for
/// inner loops, Franceschi et al. 2017). The backward pass calls `step`, so all that `step` refers
/// to must live as long as the graph.
void StepRecomputed(const InnerStep& step, InnerState& state);

}  // namespace hearth
