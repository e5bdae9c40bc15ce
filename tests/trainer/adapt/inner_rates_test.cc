#include "trainer/adapt/inner_rates.h"

#include <cmath>

#include <ATen/ops/ones.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace hearth
