#include "trainer/gradient/gradient_check.h"

#include <cmath>
#include <limits>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/trainer/support/training.h"
#include "trainer/adapt/learner_of_dataset.h"
#include "trainer/gradient/generic_engine.h"

namespace hearth {
namespace {

using Method = MetaOptions::Method;

constexpr uint64_t kSeed = 5;

class GradientCheckTest : public ::testing::Test {
 protected:
  GradientCheckTest() : dataset_({.path = SmallDataset()}) {}

  static LearnerOptions Options(Method method) {
    LearnerOptions options = SmallRun("", 1);
    options.model.layers = {5};
    options.meta.method = method;
    options.descent.inner_lr = 0.05;
    return options;
  }

  // Tasks of one, two and three support rows, and one query row.
  static Chunk MakeChunk() {
    Chunk chunk;
    for (int64_t t = 0; t < 3; ++t) {
      chunk.task_ids.push_back(4 * t);
      for (int64_t r = 0; r <= t; ++r) {
        chunk.support.items.push_back(7 * t + 3 * r);
        chunk.support.labels.push_back(static_cast<float>(1 + (t + r) % 5));
      }
      chunk.support.offsets.push_back(std::ssize(chunk.support.items));
      chunk.query.items.push_back(30 + t);
      chunk.query.labels.push_back(3.0f);
      chunk.query.offsets.push_back(t + 1);
    }
    return chunk;
  }

  GradientCheck Check(const LearnerOptions& options, int64_t samples = 2) const {
    return CheckGradient(dataset_, options, MakeChunk(), kSeed, samples);
  }

  // All gradients of the generic engine in one list.
  at::Tensor Gradient(const LearnerOptions& options) const {
    const LearnerOfDataset on_data(dataset_, options, at::TensorOptions().dtype(at::kDouble));
    const MetaParameters parameters =
        on_data.learner.InitialParameters(TableOptimizer::kAdagrad, kSeed);
    const ChunkResult result =
        GenericEngine({on_data.learner, on_data.data.builder()}).Compute(MakeChunk(), parameters);
    std::vector<at::Tensor> gradients = {result.dense_gradient};
    for (const at::Tensor& rows : result.row_gradients) gradients.push_back(rows.reshape({-1}));
    return at::cat(gradients);
  }

  Dataset dataset_;
};

TEST_F(GradientCheckTest, TheMetaGradientOfEveryMethodPasses) {
  for (const Method method : {Method::kJoint, Method::kMaml, Method::kFomaml, Method::kAnil,
                              Method::kRidge, Method::kPrototypes}) {
    SCOPED_TRACE(static_cast<int>(method));
    const bool has_kernels = method != Method::kRidge && method != Method::kPrototypes;
    const GradientCheck check = Check(Options(method));
    EXPECT_TRUE(check.passed());
    EXPECT_EQ(check.task_count, 3);
    EXPECT_EQ(check.difference_error.has_value(), method != Method::kFomaml);
    EXPECT_EQ(check.checked_count > 0, method != Method::kFomaml);
    EXPECT_EQ(check.fused_error.has_value(), has_kernels);
    EXPECT_EQ(check.second_order_share.has_value(), method == Method::kMaml);
    EXPECT_THAT(check.engine, ::testing::StartsWith(has_kernels ? "fused (" : "generic ("));
    EXPECT_GT(check.float32_error.value(), 0.0);  // single precision is never the same
  }
}

TEST_F(GradientCheckTest, DifferencesNeedASmoothModelAndNothingElseDoes) {
  LearnerOptions options = Options(Method::kMaml);
  EXPECT_TRUE(Check(options).smoothed);
  EXPECT_THAT(Check(options).engine, ::testing::HasSubstr(" relu)"));
  options.model.activation = ModelOptions::Activation::kTanh;
  EXPECT_FALSE(Check(options).smoothed);
  options.model.activation = ModelOptions::Activation::kRelu;
  options.model.type = ModelOptions::Type::kEmbeddingDot;  // it has no activation
  EXPECT_FALSE(Check(options).smoothed);
  EXPECT_FALSE(Check(Options(Method::kFomaml)).smoothed);
}

TEST_F(GradientCheckTest, ChecksSomeElementsOfEachParameterAndEachTable) {
  const LearnerOptions options = Options(Method::kMaml);
  const LearnerOfDataset on_data(dataset_, options, at::TensorOptions().dtype(at::kDouble));
  const ChunkBatch batch = on_data.data.builder().Build(MakeChunk());
  for (const int64_t samples : {1, 3, 30}) {
    int64_t expected = 0;
    for (const ParameterSpec& spec : on_data.learner.layout().specs()) {
      expected += std::min(samples, spec.count);
    }
    for (const std::vector<int64_t>& rows : batch.table_rows) {
      expected += std::min(samples, std::ssize(rows) * options.model.dim);
    }
    EXPECT_EQ(Check(options, samples).checked_count, expected);
  }
}

TEST_F(GradientCheckTest, TheSecondOrderShareIsThePartThatFomamlDrops) {
  const at::Tensor exact = Gradient(Options(Method::kMaml));
  const at::Tensor first = Gradient(Options(Method::kFomaml));
  double dropped = 0.0, whole = 0.0;
  const std::vector<double> a = ToDoubles(exact), b = ToDoubles(first);
  for (size_t i = 0; i < a.size(); ++i) {
    dropped += (a[i] - b[i]) * (a[i] - b[i]);
    whole += a[i] * a[i];
  }
  const double share = std::sqrt(dropped / whole);
  EXPECT_GT(share, 1e-4);
  EXPECT_NEAR(Check(Options(Method::kMaml)).second_order_share.value(), share, 1e-10);
}

// An engine leaves out tasks that are not finite. Two engines that leave out all tasks agree.
TEST_F(GradientCheckTest, FailsWhenATaskIsNotFinite) {
  LearnerOptions options = Options(Method::kMaml);
  options.descent.inner_lr = 1e300;
  GradientCheck check = Check(options);
  EXPECT_EQ(check.finite_task_count, 0);
  EXPECT_FALSE(check.passed());
  Chunk chunk = MakeChunk();
  for (const float label : {3.0f, std::numeric_limits<float>::infinity()}) {
    chunk.query.labels[1] = label;
    check = CheckGradient(dataset_, Options(Method::kMaml), chunk, kSeed, 2);
    EXPECT_EQ(check.task_count, 3);
    EXPECT_EQ(check.finite_task_count, std::isfinite(label) ? 3 : 2);
    EXPECT_EQ(check.passed(), std::isfinite(label));
  }
}

TEST(GradientCheck, FailsWhenOneErrorIsAboveItsLimitOrNoNumber) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(GradientCheck{}.passed());
  for (const auto& [error, limit] : {std::pair{&GradientCheck::difference_error, 1e-5},
                                     {&GradientCheck::fused_error, 1e-5},
                                     {&GradientCheck::float32_error, 1e-3}}) {
    GradientCheck check;
    check.difference_error = check.fused_error = check.float32_error = 0.0;
    check.*error = limit;
    EXPECT_TRUE(check.passed());
    check.*error = 1.001 * limit;
    EXPECT_FALSE(check.passed());
    check.*error = nan;
    EXPECT_FALSE(check.passed());
  }
}

}  // namespace
}  // namespace hearth
