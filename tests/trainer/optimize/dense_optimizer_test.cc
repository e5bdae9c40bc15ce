#include "trainer/optimize/dense_optimizer.h"

#include <cmath>
#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace hearth
