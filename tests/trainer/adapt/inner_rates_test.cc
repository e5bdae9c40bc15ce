#include "trainer/adapt/inner_rates.h"

#include <cmath>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/ones.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "tests/trainer/support/small_world.h"
#include "trainer/adapt/gradient_descent.h"

namespace hearth {
namespace {

using Adapt = GradientDescentOptions::Adapt;
using Learn = GradientDescentOptions::LearnInnerLr;
using ::testing::ElementsAre;

ModelOptions SmallModel() {
  ModelOptions options;
  options.dim = 4;
  options.layers = {3};
  return options;
}

// A world with learned log-rates 0, 1, 2, ... in the order of storage.
struct Rates {
  Rates(Learn learn, Adapt adapt)
      : world({.model = SmallModel(),
               .meta = {},
               .descent =
                   {.inner_steps = 2, .inner_lr = 0.5, .learn_inner_lr = learn, .adapt = adapt}},
              at::kDouble),
        values(ViewParameters(world.learner().layout(), world.parameters().dense)),
        rates(dynamic_cast<const GradientDescent&>(world.learner().adaptation()).rates()) {
    const int64_t p = rates.log_rates();
    if (p < 0) return;
    at::Tensor& logs = values[p];
    for (int64_t i = 0; i < logs.numel(); ++i) logs.view({-1})[i] = static_cast<double>(i);
    shape = world.learner().layout().spec(p).shape;
  }
  // The logarithm of the rate of a unit's first element.
  double Log(int64_t step, int64_t unit, at::IntArrayRef gradient_shape) const {
    const at::Tensor gradient = at::ones(gradient_shape, at::TensorOptions().dtype(at::kDouble));
    return std::log(rates.Scale(values, step, unit, gradient).view({-1})[0].item<double>());
  }

  SmallWorld world;
  ParameterValues values;
  const InnerRates& rates;
  std::vector<int64_t> shape;
};

TEST(InnerRates, FixedOnesAreTheStartValue) {
  const Rates rates(Learn::kNo, Adapt::kDense);
  EXPECT_TRUE(rates.shape.empty());
  EXPECT_DOUBLE_EQ(rates.Log(1, 0, {2}), std::log(0.5));
}

TEST(InnerRates, OnePerParameterOrPerParameterAndStep) {
  const Rates flat(Learn::kPerParameter, Adapt::kDense);
  EXPECT_THAT(flat.shape, ElementsAre(4));
  EXPECT_DOUBLE_EQ(flat.Log(1, 2, {2}), 2.0);
  const Rates stepped(Learn::kPerParameterAndStep, Adapt::kDense);
  EXPECT_THAT(stepped.shape, ElementsAre(2, 4));
  EXPECT_DOUBLE_EQ(stepped.Log(0, 3, {2}), 3.0);
  EXPECT_DOUBLE_EQ(stepped.Log(1, 3, {2}), 7.0);
}

TEST(InnerRates, TablesAndProjectionsFollowTheLayersWhereTheyAdapt) {
  const Rates rates(Learn::kPerParameter, Adapt::kAll);
  // Expects two layers, the projections of year and text, and the tables of age, genre and id.
  EXPECT_THAT(rates.shape, ElementsAre(4 + 2 + 3));
}

TEST(InnerRates, EveryElementOfALayerHasItsOwnAndEveryTableOne) {
  Rates rates(Learn::kPerElement, Adapt::kAll);
  const ParameterLayout& layout = rates.world.learner().layout();
  const std::vector<int64_t>& adapted = rates.rates.adapted();
  int64_t elements = 0;
  for (int64_t unit = 0; unit < 4; ++unit) {
    const ParameterSpec& spec = layout.spec(adapted[unit]);
    EXPECT_DOUBLE_EQ(rates.Log(0, unit, spec.shape), static_cast<double>(elements)) << spec.name;
    elements += spec.count;
  }
  EXPECT_THAT(rates.shape, ElementsAre(elements + 2 + 3));
  EXPECT_DOUBLE_EQ(rates.Log(1, 5, {2, 4}), static_cast<double>(elements + 1));
  EXPECT_DOUBLE_EQ(rates.Log(1, 8, {7}), static_cast<double>(elements + 4));
}

TEST(InnerRates, EachElementOfAPerTaskGradientIsScaledByItsOwnRate) {
  const Rates rates(Learn::kPerElement, Adapt::kDense);
  const ParameterSpec& first = rates.world.learner().layout().spec(rates.rates.adapted()[0]);
  const ParameterSpec& bias = rates.world.learner().layout().spec(rates.rates.adapted()[1]);
  const int64_t in = first.shape[0], out = first.shape[1];
  const at::Tensor gradient = at::ones({2, in, out}, at::kDouble);
  const at::Tensor scaled = rates.rates.Scale(rates.values, 0, 0, gradient * 0.01);
  for (int64_t t = 0; t < 2; ++t) {
    for (int64_t i = 0; i < in; i += 7) {
      for (int64_t j = 0; j < out; ++j) {
        const double expected = 0.01 * std::exp(static_cast<double>(i * out + j));
        EXPECT_NEAR(scaled[t][i][j].item<double>(), expected, 1e-13 * expected);
      }
    }
  }
  const at::Tensor of_bias =
      rates.rates.Scale(rates.values, 0, 1, at::ones({5, bias.shape[0]}, at::kDouble));
  for (int64_t j = 0; j < out; ++j) {
    const double expected = std::exp(static_cast<double>(in * out + j));
    EXPECT_NEAR(of_bias[4][j].item<double>(), expected, 1e-13 * expected);
  }
}

TEST(InnerRates, UnitsOfTablesFollowAllAdaptedParameters) {
  const Rates all(Learn::kPerParameter, Adapt::kAll), head(Learn::kPerParameter, Adapt::kHead);
  EXPECT_EQ(all.rates.UnitOfTable(0), 6);
  EXPECT_EQ(all.rates.UnitOfTable(2), 8);
  for (size_t unit = 0; unit < 6; ++unit) {
    EXPECT_EQ(all.rates.UnitOfParameter(all.rates.adapted()[unit]), static_cast<int64_t>(unit));
  }
  // The first layer does not adapt with the head alone.
  const int64_t first = all.rates.adapted()[0], last = all.rates.adapted()[3];
  EXPECT_TRUE(all.rates.Adapts(first));
  EXPECT_FALSE(head.rates.Adapts(first));
  EXPECT_EQ(head.rates.UnitOfParameter(first), -1);
  EXPECT_EQ(head.rates.UnitOfParameter(last), 1);
  EXPECT_THAT(head.shape, ElementsAre(2));
  EXPECT_FALSE(all.rates.Adapts(all.rates.log_rates()));
}

TEST(InnerRates, ScaleKeepsTheGraphToTheLogarithms) {
  const Rates rates(Learn::kPerParameterAndStep, Adapt::kDense);
  ParameterValues leaves = MakeLeaves(rates.world.learner().layout(),
                                      rates.values[rates.rates.log_rates()].new_full(
                                          {rates.world.learner().layout().size()}, std::log(0.25)));
  const at::Tensor scaled = rates.rates.Scale(leaves, 1, 2, at::ones({3}, at::kDouble) * 2.0).sum();
  EXPECT_NEAR(scaled.item<double>(), 3 * 2.0 * 0.25, 1e-15);
  const at::Tensor gradient = torch::autograd::grad({scaled}, {leaves[rates.rates.log_rates()]})[0];
  // d / d log a of a g is a g, in the place of step 1 and unit 2 alone.
  EXPECT_NEAR(gradient[1][2].item<double>(), 1.5, 1e-15);
  EXPECT_NEAR(gradient.abs().sum().item<double>(), 1.5, 1e-15);
}

}  // namespace
}  // namespace hearth
