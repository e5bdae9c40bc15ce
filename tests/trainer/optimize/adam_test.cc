#include "trainer/optimize/adam.h"

#include <cmath>
#include <functional>
#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <gtest/gtest.h>

#include "common/random.h"
#include "trainer/tensor/parameters.h"

namespace hearth {
namespace {

// The size is not a multiple of the width of a vector register.
constexpr int64_t kSize = 77;

at::Tensor RandomTensor(RandomStream& random, at::ScalarType type, double least, double greatest) {
  at::Tensor tensor = at::empty({kSize}, at::TensorOptions().dtype(at::kDouble));
  for (int64_t i = 0; i < kSize; ++i) {
    tensor.mutable_data_ptr<double>()[i] = least + (greatest - least) * random.NextDouble();
  }
  return tensor.to(type);
}

// Computes the formula of adam.h element by element, in double.
struct Oracle {
  std::vector<double> x, first, second;

  explicit Oracle(const std::vector<double>& start)
      : x(start), first(start.size()), second(start.size()) {}

  void Step(const std::vector<double>& gradient, const std::vector<double>& rate,
            const std::vector<double>& decay, double rate_factor, int count) {
    for (size_t i = 0; i < x.size(); ++i) {
      first[i] = 0.9 * first[i] + 0.1 * gradient[i];
      second[i] = 0.999 * second[i] + 0.001 * gradient[i] * gradient[i];
      const double mean = first[i] / (1.0 - std::pow(0.9, count));
      const double scale = std::sqrt(second[i] / (1.0 - std::pow(0.999, count))) + 1e-8;
      x[i] -= rate[i] * rate_factor * (mean / scale + decay[i] * x[i]);
    }
  }
};

using Stepper = std::function<void(const AdamTensors&, const AdamStep&)>;

void ExpectFollowsTheFormula(const Stepper& step_adam, at::ScalarType type, double tolerance) {
  RandomStream random(/*seed=*/5, Purpose::kTest);
  AdamTensors tensors = {.parameters = RandomTensor(random, type, -1.0, 1.0),
                         .first_moment = RandomTensor(random, type, 0.0, 0.0),
                         .second_moment = RandomTensor(random, type, 0.0, 0.0),
                         .gradient = {},
                         .rate = RandomTensor(random, type, 0.001, 0.1),
                         .decay = RandomTensor(random, type, 0.0, 0.3)};
  Oracle oracle(ToDoubles(tensors.parameters));
  for (int count = 1; count <= 12; ++count) {
    tensors.gradient = RandomTensor(random, type, -2.0, 2.0);
    const AdamStep step = {.rate_factor = 1.0 / count, .count = count};
    step_adam(tensors, step);
    oracle.Step(ToDoubles(tensors.gradient), ToDoubles(tensors.rate), ToDoubles(tensors.decay),
                step.rate_factor, count);
    const std::vector<double> x = ToDoubles(tensors.parameters);
    const std::vector<double> first = ToDoubles(tensors.first_moment);
    const std::vector<double> second = ToDoubles(tensors.second_moment);
    for (size_t i = 0; i < x.size(); ++i) {
      ASSERT_NEAR(x[i], oracle.x[i], tolerance) << "step " << count << ", element " << i;
      ASSERT_NEAR(first[i], oracle.first[i], tolerance) << "step " << count << ", element " << i;
      ASSERT_NEAR(second[i], oracle.second[i], tolerance) << "step " << count << ", element " << i;
    }
  }
}

TEST(Adam, OnHostFollowsTheFormula) {
  ExpectFollowsTheFormula(StepAdamOnHost, at::kDouble, 1e-13);
  ExpectFollowsTheFormula(StepAdamOnHost, at::kFloat, 2e-6);
}

TEST(Adam, ByTensorsFollowsTheFormula) {
  ExpectFollowsTheFormula(StepAdamByTensors, at::kDouble, 1e-13);
  ExpectFollowsTheFormula(StepAdamByTensors, at::kFloat, 2e-6);
}

AdamTensors RandomTensors(at::ScalarType type) {
  RandomStream random(/*seed=*/6, Purpose::kTest);
  return {.parameters = RandomTensor(random, type, -1.0, 1.0),
          .first_moment = RandomTensor(random, type, -1.0, 1.0),
          .second_moment = RandomTensor(random, type, 0.0, 1.0),
          .gradient = RandomTensor(random, type, -1.0, 1.0),
          .rate = RandomTensor(random, type, 0.001, 0.1),
          .decay = RandomTensor(random, type, 0.0, 0.3)};
}

// The neighbours in a vector register must not change an element.
TEST(Adam, ElementDoesNotDependOnItsPlace) {
  const AdamStep step = {.rate_factor = 0.7, .count = 3};
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    const AdamTensors whole = RandomTensors(type);
    std::vector<double> one_by_one;
    for (int64_t i = 0; i < kSize; ++i) {
      const auto one = [i](const at::Tensor& tensor) { return tensor.narrow(0, i, 1).clone(); };
      const AdamTensors element = {.parameters = one(whole.parameters),
                                   .first_moment = one(whole.first_moment),
                                   .second_moment = one(whole.second_moment),
                                   .gradient = one(whole.gradient),
                                   .rate = one(whole.rate),
                                   .decay = one(whole.decay)};
      StepAdamOnHost(element, step);
      one_by_one.push_back(ToDoubles(element.parameters).front());
    }
    StepAdamOnHost(whole, step);
    EXPECT_EQ(ToDoubles(whole.parameters), one_by_one) << at::toString(type);
  }
}

TEST(Adam, TensorsOfAnotherSizeAreABug) {
  const at::Tensor one = at::empty({kSize}, at::TensorOptions().dtype(at::kFloat)).zero_();
  const AdamTensors tensors = {one, one, one, one.narrow(0, 0, kSize - 1), one, one};
  EXPECT_DEATH(StepAdamOnHost(tensors, {}), "76 elements of 77");
}

}  // namespace
}  // namespace hearth
