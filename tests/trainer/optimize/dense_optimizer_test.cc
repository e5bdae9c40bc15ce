#include "trainer/optimize/dense_optimizer.h"

#include <cmath>
#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/random.h"
#include "trainer/tensor/parameters.h"

namespace hearth {
namespace {

constexpr double kTolerance = 1e-14;

// The kinds of parameters: with or without an own rate, with or without decay.
struct Kind {
  const char* name;
  bool own_rate, decays;
};
constexpr Kind kKinds[] = {
    {"weight", false, true}, {"bias", false, false}, {"rate", true, false}, {"both", true, true}};

ParameterLayout Layout() {
  ParameterLayout layout;
  for (const Kind& kind : kKinds) {
    layout.Add({.name = kind.name, .shape = {3}, .own_rate = kind.own_rate, .decays = kind.decays});
  }
  return layout;
}

OptimizerOptions Options(OptimizerOptions::Type type) {
  return {.type = type, .lr = 0.01, .inner_lr_lr = 0.5, .weight_decay = 0.25};
}

at::Tensor Filled(int64_t size, double value) {
  return at::zeros({size}, at::TensorOptions().dtype(at::kDouble)).fill_(value);
}

// Steps twice from 2 with gradients 1 and -3. Each element must then equal expected(learning rate,
// decay).
template <typename Expected>
void ExpectTwoSteps(OptimizerOptions::Type type, const Expected& expected) {
  const ParameterLayout layout = Layout();
  DenseOptimizer optimizer(Options(type), layout, at::TensorOptions().dtype(at::kDouble));
  at::Tensor parameters = Filled(layout.size(), 2.0);
  const void* memory = parameters.data_ptr();
  optimizer.Step(parameters, Filled(layout.size(), 1.0), /*rate_factor=*/1.0);
  optimizer.Step(parameters, Filled(layout.size(), -3.0), /*rate_factor=*/0.5);
  EXPECT_EQ(optimizer.step_count(), 2);
  EXPECT_EQ(parameters.data_ptr(), memory);
  for (const ParameterSpec& spec : layout.specs()) {
    const double x = expected(spec.own_rate ? 0.5 : 0.01, spec.decays ? 0.25 : 0.0);
    for (int64_t i = 0; i < spec.count; ++i) {
      EXPECT_NEAR(parameters.const_data_ptr<double>()[spec.offset + i], x, kTolerance) << spec.name;
    }
  }
}

TEST(DenseOptimizer, AdamTakesTheRateAndTheDecayOfEachParameter) {
  ExpectTwoSteps(OptimizerOptions::Type::kAdam, [](double rate, double decay) {
    double x = 2.0;
    x -= rate * (1.0 / (1.0 + 1e-8) + decay * x);  // the first step is of unit length
    const double mean = (0.9 * 0.1 + 0.1 * -3.0) / (1.0 - 0.9 * 0.9);
    const double square = (0.999 * 0.001 + 0.001 * 9.0) / (1.0 - 0.999 * 0.999);
    return x - 0.5 * rate * (mean / (std::sqrt(square) + 1e-8) + decay * x);
  });
}

TEST(DenseOptimizer, SgdTakesTheRateAndTheDecayOfEachParameter) {
  ExpectTwoSteps(OptimizerOptions::Type::kSgd, [](double rate, double decay) {
    const double x = 2.0 - rate * (1.0 + decay * 2.0);
    return x - 0.5 * rate * (-3.0 + decay * x);
  });
}

TEST(DenseOptimizer, ListsItsMomentsAsTheyAreInMemory) {
  const ParameterLayout layout = Layout();
  DenseOptimizer optimizer(Options(OptimizerOptions::Type::kAdam), layout,
                           at::TensorOptions().dtype(at::kDouble));
  StateList list;
  optimizer.ListState(list);
  ASSERT_EQ(list.size(), 2);
  EXPECT_EQ(list[0].name, "first");
  EXPECT_EQ(list[1].name, "second");
  EXPECT_EQ(list[0].values.data_ptr(), optimizer.first_moment().data_ptr());
  EXPECT_EQ(list[1].values.data_ptr(), optimizer.second_moment().data_ptr());
  for (const StateArray& array : list) {
    EXPECT_EQ(array.domain.kind, StateDomain::Kind::kDense);
    EXPECT_EQ(array.domain.row_count, layout.size());
  }
}

TEST(DenseOptimizer, PaddingBetweenParametersNeverMoves) {
  const ParameterLayout layout = Layout();
  for (const auto type : {OptimizerOptions::Type::kAdam, OptimizerOptions::Type::kSgd}) {
    DenseOptimizer optimizer(Options(type), layout, at::TensorOptions().dtype(at::kDouble));
    at::Tensor parameters = Filled(layout.size(), 2.0);
    for (int step = 0; step < 3; ++step) {
      optimizer.Step(parameters, Filled(layout.size(), 1.0), /*rate_factor=*/1.0);
    }
    std::vector<bool> is_padding(layout.size(), true);
    for (const ParameterSpec& spec : layout.specs()) {
      for (int64_t i = 0; i < spec.count; ++i) is_padding[spec.offset + i] = false;
    }
    ASSERT_TRUE(is_padding.back());
    for (int64_t i = 0; i < layout.size(); ++i) {
      EXPECT_EQ(parameters.const_data_ptr<double>()[i] == 2.0, is_padding[i]) << i;
    }
  }
}

TEST(DenseOptimizer, DecayAloneShrinksGeometrically) {
  const ParameterLayout layout = Layout();
  for (const auto type : {OptimizerOptions::Type::kAdam, OptimizerOptions::Type::kSgd}) {
    DenseOptimizer optimizer(Options(type), layout, at::TensorOptions().dtype(at::kDouble));
    at::Tensor parameters = Filled(layout.size(), 2.0);
    for (int step = 0; step < 50; ++step) {
      optimizer.Step(parameters, Filled(layout.size(), 0.0), /*rate_factor=*/0.5);
    }
    for (const ParameterSpec& spec : layout.specs()) {
      const double rate = 0.5 * (spec.own_rate ? 0.5 : 0.01), decay = spec.decays ? 0.25 : 0.0;
      EXPECT_NEAR(parameters.const_data_ptr<double>()[spec.offset],
                  2.0 * std::pow(1.0 - rate * decay, 50), 1e-13)
          << spec.name;
    }
  }
}

// Random numbers [size] of one step.
at::Tensor RandomGradient(int64_t size, int64_t step, at::ScalarType type) {
  RandomStream random(7, Purpose::kTest, step);
  std::vector<double> values;
  for (int64_t i = 0; i < size; ++i) values.push_back(random.NextNormal());
  return FromDoubles(values, {size}, type);
}

// One element of a parameter, with the formulas of a paper: Kingma & Ba 2015, algorithm 1, and
// Loshchilov & Hutter 2019, algorithm 2.
struct ScalarAdam {
  double x, m = 0.0, v = 0.0;
  void Step(double g, double rate, double decay, int64_t t) {
    m = 0.9 * m + 0.1 * g;
    v = 0.999 * v + 0.001 * g * g;
    const double update =
        m / (1.0 - std::pow(0.9, t)) / (std::sqrt(v / (1.0 - std::pow(0.999, t))) + 1e-8);
    x = x - rate * update - rate * decay * x;
  }
};

TEST(DenseOptimizer, TwoHundredScheduledStepsOfAdamFollowTheScalarFormula) {
  constexpr int64_t kSteps = 200;
  const ParameterLayout layout = Layout();
  OptimizerOptions options = Options(OptimizerOptions::Type::kAdam);
  options.schedule = OptimizerOptions::Schedule::kCosine;
  options.warmup_steps = 20;
  for (const at::ScalarType type : {at::kDouble, at::kFloat}) {
    DenseOptimizer optimizer(options, layout, at::TensorOptions().dtype(type));
    at::Tensor parameters = RandomGradient(layout.size(), 1000, type);
    std::vector<ScalarAdam> expected;
    for (const double x : ToDoubles(parameters)) expected.push_back({x});
    for (int64_t step = 0; step < kSteps; ++step) {
      const at::Tensor gradient = RandomGradient(layout.size(), step, type);
      const double factor = LearningRateFactor(options, step, kSteps);
      optimizer.Step(parameters, gradient, factor);
      const std::vector<double> g = ToDoubles(gradient);
      for (const ParameterSpec& spec : layout.specs()) {
        for (int64_t i = spec.offset; i < spec.offset + spec.count; ++i) {
          expected[i].Step(g[i], factor * (spec.own_rate ? 0.5 : 0.01), spec.decays ? 0.25 : 0.0,
                           step + 1);
        }
      }
    }
    const std::vector<double> x = ToDoubles(parameters);
    const double tolerance = type == at::kDouble ? 1e-12 : 2e-4;
    for (const ParameterSpec& spec : layout.specs()) {
      for (int64_t i = spec.offset; i < spec.offset + spec.count; ++i) {
        EXPECT_NEAR(x[i], expected[i].x, tolerance) << spec.name;
      }
    }
  }
}

TEST(DenseOptimizer, StateCopiedInTheMiddleStepsOnInTheSameBits) {
  const ParameterLayout layout = Layout();
  for (const auto type : {OptimizerOptions::Type::kAdam, OptimizerOptions::Type::kSgd}) {
    const auto make = [&] { return DenseOptimizer(Options(type), layout, at::kFloat); };
    DenseOptimizer unbroken = make(), resumed = make(), forgetful = make();
    at::Tensor parameters = RandomGradient(layout.size(), 1000, at::kFloat);
    for (int64_t step = 0; step < 13; ++step) {
      unbroken.Step(parameters, RandomGradient(layout.size(), step, at::kFloat), 0.7);
    }
    at::Tensor copy = parameters.clone(), without_count = parameters.clone();
    StateList from;
    unbroken.ListState(from);
    for (DenseOptimizer* optimizer : {&resumed, &forgetful}) {
      StateList to;
      optimizer->ListState(to);
      for (size_t i = 0; i < from.size(); ++i) to[i].values.copy_(from[i].values);
    }
    resumed.set_step_count(unbroken.step_count());
    for (int64_t step = 13; step < 30; ++step) {
      const at::Tensor gradient = RandomGradient(layout.size(), step, at::kFloat);
      unbroken.Step(parameters, gradient, 0.7);
      resumed.Step(copy, gradient, 0.7);
      forgetful.Step(without_count, gradient, 0.7);
    }
    EXPECT_TRUE(at::equal(copy, parameters));
    EXPECT_EQ(resumed.step_count(), 30);
    // The count is a part of Adam's state; SGD has none.
    EXPECT_EQ(at::equal(without_count, parameters), type == OptimizerOptions::Type::kSgd);
  }
}

TEST(DenseOptimizer, GradientMayBeAViewWithGaps) {
  const ParameterLayout layout = Layout();
  const at::Tensor wide = RandomGradient(2 * layout.size(), 5, at::kFloat);
  const at::Tensor view = wide.view({layout.size(), 2}).select(1, 1);
  for (const auto type : {OptimizerOptions::Type::kAdam, OptimizerOptions::Type::kSgd}) {
    std::vector<at::Tensor> results;
    for (const at::Tensor& gradient : {view, view.contiguous()}) {
      DenseOptimizer optimizer(Options(type), layout, at::kFloat);
      at::Tensor parameters = RandomGradient(layout.size(), 1000, at::kFloat);
      optimizer.Step(parameters, gradient, 1.0);
      results.push_back(parameters);
    }
    EXPECT_TRUE(at::equal(results[0], results[1]));
  }
}

// The factors of steps 0 to 13 of a run of twelve steps.
std::vector<double> Factors(OptimizerOptions::Schedule schedule, int64_t warmup_steps) {
  OptimizerOptions options;
  options.schedule = schedule;
  options.warmup_steps = warmup_steps;
  std::vector<double> factors;
  for (int64_t step = 0; step < 14; ++step) {
    factors.push_back(LearningRateFactor(options, step, /*max_steps=*/12));
  }
  return factors;
}

TEST(LearningRateFactor, RisesInALineAndThenFallsAsTheScheduleSays) {
  using ::testing::Pointwise;
  using Schedule = OptimizerOptions::Schedule;
  const auto expect_near = [&](const std::vector<double>& actual,
                               const std::vector<double>& expected) {
    EXPECT_THAT(actual, Pointwise(::testing::DoubleNear(1e-9), expected));
  };
  expect_near(Factors(Schedule::kConstant, 4), {0.25, 0.5, 0.75, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1});
  expect_near(Factors(Schedule::kLinear, 4),
              {0.25, 0.5, 0.75, 1, 1, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125, 0, 0});
  // Half a cosine: (1 + cos(k pi / 8)) / 2, from a table of cosines.
  expect_near(Factors(Schedule::kCosine, 4),
              {0.25, 0.5, 0.75, 1, 1, 0.9619397662556434, 0.8535533905932737, 0.6913417161825449,
               0.5, 0.3086582838174551, 0.1464466094067263, 0.0380602337443566, 0, 0});
  EXPECT_EQ(Factors(Schedule::kConstant, 0), std::vector<double>(14, 1.0));
  EXPECT_EQ(Factors(Schedule::kLinear, 0)[0], 1.0);
  EXPECT_NEAR(Factors(Schedule::kLinear, 0)[3], 0.75, 1e-12);
}

TEST(LearningRateFactor, WarmUpAsLongAsTheRunOrLongerEndsNowhereElse) {
  for (const auto schedule :
       {OptimizerOptions::Schedule::kLinear, OptimizerOptions::Schedule::kCosine}) {
    for (const int64_t warmup : {12, 13, 100}) {
      const std::vector<double> factors = Factors(schedule, warmup);
      for (int64_t step = 0; step < 12; ++step) {
        EXPECT_DOUBLE_EQ(factors[step],
                         static_cast<double>(step + 1) / static_cast<double>(warmup));
      }
    }
    EXPECT_EQ(Factors(schedule, 12)[12], 1.0);
    EXPECT_NEAR(Factors(schedule, 12)[13], 0.0, 1e-12) << "beyond the run";
  }
}

}  // namespace
}  // namespace hearth
