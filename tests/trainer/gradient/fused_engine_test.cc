#include "trainer/gradient/fused_engine.h"

#include <cmath>
#include <limits>

#include <ATen/Context.h>
#include <ATen/ops/equal.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/trainer/support/relative_error.h"
#include "tests/trainer/support/small_world.h"

namespace hearth {
namespace {

using Activation = ModelOptions::Activation;
using Learn = GradientDescentOptions::LearnInnerLr;
using Loss = MetaOptions::Loss;
using Method = MetaOptions::Method;
using Type = ModelOptions::Type;

struct Case {
  LearnerOptions options;
  std::string name;
};

// Makes every supported combination of head, activation, loss and method.
std::vector<Case> AllCases() {
  const std::vector<std::vector<int64_t>> heads = {{}, {17}, {6, 5}, {9, 16, 5}};
  const std::vector<std::pair<Activation, std::string>> activations = {
      {Activation::kRelu, "relu"},
      {Activation::kGelu, "gelu"},
      {Activation::kTanh, "tanh"},
      {Activation::kIdentity, "identity"}};
  const std::vector<std::pair<Method, std::string>> methods = {{Method::kJoint, "joint"},
                                                               {Method::kMaml, "maml"},
                                                               {Method::kFomaml, "fomaml"},
                                                               {Method::kAnil, "anil"}};
  std::vector<Case> cases;
  for (const Loss loss : {Loss::kMse, Loss::kBce}) {
    const std::string loss_name = loss == Loss::kMse ? "mse" : "bce";
    for (const auto& [method, method_name] : methods) {
      const MetaOptions meta{.method = method, .loss = loss};
      const GradientDescentOptions descent{.inner_lr = 0.07, .support_prior = 1.5};
      ModelOptions dot;
      dot.type = Type::kEmbeddingDot;
      dot.dim = 4;
      dot.init_scale = 0.3;
      cases.push_back({{dot, meta, descent}, fmt::format("dot_{}_{}", method_name, loss_name)});
      for (const auto& head : heads) {
        for (const auto& [activation, activation_name] : activations) {
          ModelOptions mlp = dot;
          mlp.type = Type::kEmbeddingMlp;
          mlp.layers = head;
          mlp.activation = activation;
          cases.push_back({{mlp, meta, descent},
                           fmt::format("mlp{}_{}_{}_{}", head.size() + 1, activation_name,
                                       method_name, loss_name)});
        }
      }
    }
  }
  return cases;
}

// Visits every kind of inner rates, with several numbers of steps.
void ForEachLoop(const Case& c, const std::function<void(const LearnerOptions&)>& visit) {
  const std::vector<std::pair<int64_t, Learn>> loops = {{1, Learn::kPerParameter},
                                                        {2, Learn::kNo},
                                                        {3, Learn::kPerParameterAndStep},
                                                        {5, Learn::kPerParameter}};
  for (const auto& [steps, learn] : loops) {
    LearnerOptions options = c.options;
    options.descent.inner_steps = steps;
    options.descent.learn_inner_lr = learn;
    SCOPED_TRACE(fmt::format("{} steps, rates of kind {}", steps, static_cast<int>(learn)));
    visit(options);
  }
}

// Makes ragged tasks.
Chunk ChunkFor(const Case& c) {
  return SmallWorld::MakeChunk(6, c.options.meta.loss == Loss::kBce, 0, 3);
}

// The tolerance of float32. Two precisions may land on different sides of a kink of relu; neither
// is wrong then.
double Tolerance(const Case& c) {
  return c.options.model.activation == Activation::kRelu ? 1e-4 : 2e-5;
}

class EveryHeadAndMethod : public ::testing::TestWithParam<Case> {};

INSTANTIATE_TEST_SUITE_P(, EveryHeadAndMethod, ::testing::ValuesIn(AllCases()),
                         [](const auto& test) { return test.param.name; });

TEST_P(EveryHeadAndMethod, GradientIsThatOfTheGenericEngineInFloat64) {
  ForEachLoop(GetParam(), [](const LearnerOptions& options) {
    SmallWorld world(options, at::kDouble);
    const ChunkResult fused = world.fused().Compute(ChunkFor(GetParam()), world.parameters());
    const ChunkResult exact = world.generic().Compute(ChunkFor(GetParam()), world.parameters());
    EXPECT_LT(RelativeError(fused, exact), 1e-10);
    EXPECT_NEAR(fused.loss_sum, exact.loss_sum, 1e-10 * std::abs(exact.loss_sum));
    EXPECT_EQ(fused.table_rows, exact.table_rows);
  });
}

TEST_P(EveryHeadAndMethod, GradientInFloat32IsThatOfFloat64) {
  ForEachLoop(GetParam(), [](const LearnerOptions& options) {
    SmallWorld world(options, at::kFloat);
    SmallWorld exact_world(options, at::kDouble);
    const ChunkResult fused = world.fused().Compute(ChunkFor(GetParam()), world.parameters());
    const ChunkResult exact =
        exact_world.fused().Compute(ChunkFor(GetParam()), exact_world.parameters());
    EXPECT_LT(RelativeError(fused, exact), Tolerance(GetParam()));
  });
}

Case ReluCase() {
  ModelOptions model;
  model.dim = 4;
  model.layers = {6, 5};
  return {{.model = model, .meta = {}, .descent = {.inner_steps = 3, .inner_lr = 0.07}}, "relu"};
}

TEST(FusedEngine, LeavesOutATaskThatIsNotFiniteAndKeepsTheOthersBits) {
  const Case c = ReluCase();
  SmallWorld world(c.options, at::kFloat);
  for (const bool in_support : {true, false}) {
    Chunk chunk = SmallWorld::MakeChunk(6, false, 0, 3);
    TaskRows& rows = in_support ? chunk.support : chunk.query;
    rows.labels[rows.offsets[2]] = std::numeric_limits<float>::infinity();
    const ChunkResult result = world.fused().Compute(chunk, world.parameters());
    const ChunkResult others =
        world.fused().Compute(SelectTasks(chunk, {0, 1, 3, 4, 5}), world.parameters());
    EXPECT_EQ(result.finite_task_count, 5);
    EXPECT_TRUE(std::isnan(result.query_loss[2]));
    EXPECT_TRUE(at::equal(result.dense_gradient, others.dense_gradient));
  }
}

TEST(FusedEngine, IsExactOnLongTasksAndWideLayers) {
  Case c = ReluCase();
  c.options.model.layers = {64, 48};
  c.options.descent.inner_steps = 5;
  c.options.descent.inner_lr = 0.01;
  SmallWorld world(c.options, at::kDouble);
  const Chunk chunk = SmallWorld::MakeChunk(7, false, 0, 3, /*longest=*/200);
  const ChunkResult fused = world.fused().Compute(chunk, world.parameters());
  const ChunkResult exact = world.generic().Compute(chunk, world.parameters());
  EXPECT_LT(RelativeError(fused, exact), 1e-10);

  c.options.model.activation = Activation::kGelu;  // smooth: the precisions agree at relu's kink
  SmallWorld smooth(c.options, at::kDouble), single(c.options, at::kFloat);
  EXPECT_LT(RelativeError(single.fused().Compute(chunk, single.parameters()),
                          smooth.fused().Compute(chunk, smooth.parameters())),
            2e-5);
}

TEST(FusedEngine, RepeatsItsBitsWhateverRanBefore) {
  const Case c = ReluCase();
  SmallWorld world(c.options, at::kFloat);
  const Chunk small = SmallWorld::MakeChunk(3, false, 0, 3);
  const ChunkResult first = world.fused().Compute(small, world.parameters());
  world.fused().Compute(SmallWorld::MakeChunk(9, false, 0, 8), world.parameters());
  const ChunkResult again = world.fused().Compute(small, world.parameters());
  EXPECT_TRUE(at::equal(first.dense_gradient, again.dense_gradient));
}

TEST(FusedEngine, OnAGpuComputesWhatTheCpuDoes) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no GPU";
  for (const Case& c : AllCases()) {
    SCOPED_TRACE(c.name);
    ForEachLoop(c, [&](const LearnerOptions& options) {
      SmallWorld host(options, at::kDouble);
      const ChunkResult expected = host.fused().Compute(ChunkFor(c), host.parameters());
      for (const auto type : {at::kDouble, at::kFloat}) {
        SmallWorld gpu(options, type, at::kCUDA);
        const ChunkResult actual = gpu.fused().Compute(ChunkFor(c), gpu.parameters());
        EXPECT_LT(RelativeError(actual, expected), type == at::kDouble ? 1e-10 : Tolerance(c));
        EXPECT_TRUE(actual.dense_gradient.is_cpu());
        EXPECT_EQ(actual.table_rows, expected.table_rows);
      }
    });
  }
}

TEST(FusedEngine, SaysWhyItDoesNotApply) {
  Case c = ReluCase();
  const auto why = [&](at::Device device = at::kCPU) {
    const SmallWorld world(c.options, at::kFloat);
    return FusedEngine::WhyNot(world.learner(), device);
  };
  EXPECT_EQ(why(), "");
  EXPECT_EQ(why(at::kCUDA), "");
  EXPECT_EQ(why(at::kMeta), "it has no kernels for meta");
  c.options.model.layers = {6, 5, 4, 3};
  EXPECT_EQ(why(), "5 layers adapt, at most 4 may");
  c.options.meta.method = Method::kAnil;
  EXPECT_EQ(why(), "");
  c.options.meta.loss = Loss::kBpr;
  EXPECT_EQ(why(), "the loss bpr compares pairs of rows");
}

}  // namespace
}  // namespace hearth
