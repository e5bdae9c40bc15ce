#include "trainer/adapt/inner_state.h"

#include <cmath>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "common/error.h"

namespace hearth {
namespace {

const at::TensorOptions kReal = at::TensorOptions().dtype(at::kDouble);

at::Tensor Leaf(double value) { return FromDoubles({value}, {1}, kReal).requires_grad_(true); }
double Number(const at::Tensor& tensor) { return tensor.item<double>(); }

std::vector<double> Gradients(const at::Tensor& output, const std::vector<at::Tensor>& inputs) {
  std::vector<double> numbers;
  for (const at::Tensor& gradient :
       torch::autograd::grad({output}, inputs, {}, false, false, /*allow_unused=*/true)) {
    numbers.push_back(gradient.defined() ? Number(gradient) : std::nan(""));
  }
  return numbers;
}

// A step x <- x - rate x^2 of value 0; the rate is value 1. It counts its runs, and the runs that
// keep a graph.
struct SquareStep {
  int* runs;
  int* with_graph;

  void operator()(InnerState& state, bool differentiable) const {
    ++*runs;
    *with_graph += differentiable ? 1 : 0;
    const at::AutoGradMode mode(differentiable);
    state.values[0] = state.values[0] - state.values[1] * state.values[0] * state.values[0];
  }
};

TEST(StepRecomputed, GivesTheValueAndTheDerivativeOfTheChainOfSteps) {
  const at::Tensor x = Leaf(0.7), rate = Leaf(0.3);
  InnerState state{.values = ParameterValues({x, rate})};
  int runs = 0, with_graph = 0;
  for (int k = 0; k < 4; ++k) StepRecomputed(SquareStep{&runs, &with_graph}, state);
  // The chain rule by hand: x' = 1 - 2 a x times the last x', a' = x' a' - x^2.
  double value = 0.7, by_x = 1.0, by_rate = 0.0;
  for (int k = 0; k < 4; ++k) {
    by_rate = (1.0 - 2.0 * 0.3 * value) * by_rate - value * value;
    by_x *= 1.0 - 2.0 * 0.3 * value;
    value -= 0.3 * value * value;
  }
  EXPECT_NEAR(Number(state.values[0]), value, 1e-15);
  const std::vector<double> gradients = Gradients(state.values[0], {x, rate});
  EXPECT_NEAR(gradients[0], by_x, 1e-15);
  EXPECT_NEAR(gradients[1], by_rate, 1e-15);
}

TEST(StepRecomputed, KeepsNoGraphUntilTheBackwardPass) {
  const at::Tensor x = Leaf(0.7);
  InnerState state{.values = ParameterValues({x, Leaf(0.3)})};
  int runs = 0, with_graph = 0;
  for (int k = 0; k < 3; ++k) StepRecomputed(SquareStep{&runs, &with_graph}, state);
  EXPECT_EQ(runs, 3);
  EXPECT_EQ(with_graph, 0);
  Gradients(state.values[0], {x});
  EXPECT_EQ(runs, 6);
  EXPECT_EQ(with_graph, 3);
}

TEST(StepRecomputed, TensorsThatAStepDoesNotChangeStayTheSameTensors) {
  const at::Tensor x = Leaf(0.7), rate = Leaf(0.3);
  InnerState state{.values = ParameterValues({x, rate})};
  state.rows.x.x = rate * 2.0;
  const at::Tensor inputs = state.rows.x.x;
  int runs = 0, with_graph = 0;
  StepRecomputed(SquareStep{&runs, &with_graph}, state);
  EXPECT_TRUE(state.values[1].is_same(rate));
  EXPECT_TRUE(state.rows.x.x.is_same(inputs));
  // The graph of a tensor that went through untouched is its own.
  EXPECT_EQ(Gradients(state.rows.x.x, {rate}), (std::vector<double>{2.0}));
}

// One tensor that stands in two places before a step, and one that a step puts in two places.
TEST(StepRecomputed, ATensorInSeveralPlacesGetsTheSumOfItsGradients) {
  const at::Tensor x = Leaf(2.0);
  InnerState state{.values = ParameterValues({x, x, Leaf(0.0)})};
  const InnerStep step = [](InnerState& s, bool differentiable) {
    const at::AutoGradMode mode(differentiable);
    s.values[0] = s.values[0] * s.values[1] * s.values[1];
    s.values[2] = s.values[0];
  };
  StepRecomputed(step, state);
  EXPECT_EQ(Number(state.values[2]), 8.0);
  EXPECT_EQ(Gradients(state.values[0] + 10.0 * state.values[2], {x}),
            (std::vector<double>{11.0 * 3.0 * 4.0}));
}

TEST(StepRecomputed, FastRowsVectorsAndInputsOfTheHeadTakePart) {
  const at::Tensor a = Leaf(2.0), b = Leaf(3.0), c = Leaf(5.0), d = Leaf(7.0);
  InnerState state{.values = ParameterValues({Leaf(1.0)})};
  state.rows.x.x = a * 1.0;
  state.rows.shift = b * 1.0;
  state.negatives.x.x = c * 1.0;
  state.vectors.items = d * 1.0;
  state.fast.items.emplace_back();
  const InnerStep step = [](InnerState& s, bool differentiable) {
    const at::AutoGradMode mode(differentiable);
    at::Tensor& change = s.fast.items[0].change;
    const at::Tensor made = s.rows.x.x * s.rows.shift + s.negatives.x.x * s.vectors.items;
    change = change.defined() ? change + made : made;
  };
  StepRecomputed(step, state);
  StepRecomputed(step, state);
  EXPECT_EQ(Number(state.fast.items[0].change), 2.0 * (2.0 * 3.0 + 5.0 * 7.0));
  EXPECT_EQ(Gradients(state.fast.items[0].change, {a, b, c, d}),
            (std::vector<double>{6.0, 4.0, 14.0, 10.0}));
}

TEST(StepRecomputed, AValueWithoutAGradientGetsNone) {
  const at::Tensor x = Leaf(2.0);
  const at::Tensor fixed = FromDoubles({3.0}, {1}, kReal);
  InnerState state{.values = ParameterValues({x, fixed})};
  int runs = 0, with_graph = 0;
  StepRecomputed(SquareStep{&runs, &with_graph}, state);
  EXPECT_EQ(Gradients(state.values[0], {x}), (std::vector<double>{1.0 - 2.0 * 3.0 * 2.0}));
  EXPECT_FALSE(fixed.requires_grad());
}

TEST(StepRecomputed, FactorsOfAWeightTakePart) {
  const at::Tensor w = FromDoubles({1.0, 2.0}, {2, 1}, kReal).requires_grad_(true);
  const at::Tensor x = FromDoubles({3.0, 4.0}, {1, 1, 2}, kReal);
  InnerState state{.values = ParameterValues({w})};
  state.values.StartFactored(0);
  // Each step adds a term whose deltas are the square of the last output.
  const InnerStep step = [&](InnerState& s, bool differentiable) {
    const at::AutoGradMode mode(differentiable);
    at::Tensor y = x.matmul(s.values[0]);
    for (const FactoredTerm& term : *s.values.factored(0)) {
      y = y - x.matmul(term.inputs.transpose(1, 2)).matmul(term.deltas);
    }
    s.values.AddTerm(0, {.inputs = x, .deltas = 0.01 * y * y});
  };
  StepRecomputed(step, state);
  StepRecomputed(step, state);
  // y_0 = x w = 11, y_1 = y_0 - |x|^2 d_0; the gradient of d_1 by y_0 by hand.
  const double y0 = 11.0, d0 = 0.01 * y0 * y0, y1 = y0 - 25.0 * d0;
  const std::vector<FactoredTerm>& terms = *state.values.factored(0);
  ASSERT_EQ(terms.size(), 2u);
  EXPECT_NEAR(Number(terms[0].deltas), d0, 1e-14);
  EXPECT_NEAR(Number(terms[1].deltas), 0.01 * y1 * y1, 1e-12);
  const double by_y0 = 0.02 * y1 * (1.0 - 25.0 * 0.02 * y0);
  const std::vector<double> gradient = ToDoubles(
      torch::autograd::grad({terms[1].deltas}, {w}, {FromDoubles({1.0}, {1, 1, 1}, kReal)})[0]);
  EXPECT_NEAR(gradient[0], 3.0 * by_y0, 1e-12);
  EXPECT_NEAR(gradient[1], 4.0 * by_y0, 1e-12);
}

TEST(StepRecomputed, AStepThatChangesMoreWithAGraphIsABug) {
  const at::Tensor x = Leaf(2.0);
  InnerState state{.values = ParameterValues({x, Leaf(1.0)})};
  const InnerStep step = [](InnerState& s, bool differentiable) {
    const at::AutoGradMode mode(differentiable);
    s.values[0] = s.values[0] * s.values[0];
    if (differentiable) s.values[1] = s.values[0] + 1.0;
  };
  StepRecomputed(step, state);
  EXPECT_DEATH(Gradients(state.values[0], {x}), "made.size");
}

}  // namespace
}  // namespace hearth
