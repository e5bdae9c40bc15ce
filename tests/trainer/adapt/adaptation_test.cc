#include "trainer/adapt/adaptation.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include <ATen/ops/equal.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/trainer/support/small_world.h"
#include "trainer/gradient/generic_engine.h"

namespace hearth {
namespace {

using Adapt = GradientDescentOptions::Adapt;
using Learn = GradientDescentOptions::LearnInnerLr;
using Loss = MetaOptions::Loss;
using Method = MetaOptions::Method;
using Type = ModelOptions::Type;
using ::testing::ElementsAre;
using ::testing::Pair;

TEST(TaskState, FindsTensorsByTheirNames) {
  TaskState state;
  state.Add("w", at::zeros({2}));
  state.Add("w/inputs.0", at::zeros({3}));
  EXPECT_EQ(state.Find("w")->numel(), 2);
  EXPECT_EQ(state.Find("w/inputs.0")->numel(), 3);
  EXPECT_EQ(state.Find("w/inputs.1"), nullptr);
  EXPECT_EQ(TaskState{}.Find("w"), nullptr);
  EXPECT_DEATH(state.Add("w", at::zeros({1})), "w");
}

LearnerOptions OptionsOf(Method method, Loss loss = Loss::kMse, Type type = Type::kEmbeddingMlp,
                         Adapt adapt = Adapt::kDense) {
  LearnerOptions options;
  options.model.type = type;
  options.model.dim = 4;
  options.model.layers = {6, 5};
  options.model.activation = ModelOptions::Activation::kTanh;
  options.model.init_scale = 0.5;
  options.meta = {.method = method, .loss = loss};
  options.descent = {.inner_steps = 2, .inner_lr = 0.07, .support_prior = 1.5, .adapt = adapt};
  return options;
}

// The parameters that a method adds to those of the model: (name, shape), and their first values.
struct Declared {
  std::vector<std::pair<std::string, std::vector<int64_t>>> shapes;
  std::map<std::string, double> first_value;
};

Declared DeclaredBy(const LearnerOptions& options) {
  const SmallWorld base(OptionsOf(Method::kJoint), at::kDouble), world(options, at::kDouble);
  const ParameterLayout& layout = world.learner().layout();
  Declared declared;
  for (int64_t p = base.learner().layout().parameter_count(); p < layout.parameter_count(); ++p) {
    const ParameterSpec& spec = layout.spec(p);
    declared.shapes.emplace_back(spec.name, spec.shape);
    declared.first_value[spec.name] = spec.init_value;
    // Logarithms have a rate of their own and no decay; prototypes are weights.
    const bool is_log = spec.name.find("log") != std::string::npos;
    EXPECT_EQ(spec.own_rate, is_log) << spec.name;
    EXPECT_EQ(spec.decays, !is_log) << spec.name;
  }
  return declared;
}

TEST(MakeAdaptation, EachMethodDeclaresItsOwnParameters) {
  EXPECT_TRUE(DeclaredBy(OptionsOf(Method::kJoint)).shapes.empty());
  const std::vector<int64_t> all = {6}, last = {2}, f = {5}, f1 = {6}, one = {1};
  for (const Method method : {Method::kMaml, Method::kFomaml}) {
    const Declared rates = DeclaredBy(OptionsOf(method));
    EXPECT_THAT(rates.shapes, ElementsAre(Pair("inner_lr.log", all)));
    EXPECT_DOUBLE_EQ(rates.first_value.at("inner_lr.log"), std::log(0.07));
  }
  EXPECT_THAT(DeclaredBy(OptionsOf(Method::kAnil)).shapes, ElementsAre(Pair("inner_lr.log", last)));
  LearnerOptions fixed = OptionsOf(Method::kMaml);
  fixed.descent.learn_inner_lr = Learn::kNo;
  EXPECT_TRUE(DeclaredBy(fixed).shapes.empty());
  EXPECT_THAT(DeclaredBy(OptionsOf(Method::kRidge)).shapes,
              ElementsAre(Pair("ridge.log_strength", f1)));
  EXPECT_THAT(DeclaredBy(OptionsOf(Method::kPrototypes)).shapes,
              ElementsAre(Pair("prototypes.like", f), Pair("prototypes.dislike", f),
                          Pair("prototypes.log_prior", one), Pair("prototypes.log_scale", one)));
}

TEST(MakeAdaptation, OnlyFomamlHasNoExactGradient) {
  for (const Method method : {Method::kJoint, Method::kMaml, Method::kFomaml, Method::kAnil,
                              Method::kRidge, Method::kPrototypes}) {
    const SmallWorld world(OptionsOf(method), at::kDouble);
    EXPECT_EQ(world.learner().adaptation().is_exact_gradient(), method != Method::kFomaml);
  }
}

TEST(HeadProgram, SaysWhatAdaptsAndHow) {
  const auto offer = [](const LearnerOptions& options) {
    return SmallWorld(options, at::kDouble).learner().adaptation().OffersHeadProgram();
  };
  const HeadProgram joint = offer(OptionsOf(Method::kJoint)).program;
  EXPECT_EQ(joint.adapted_layers, 0);
  EXPECT_EQ(joint.inner_steps, 0);

  const HeadProgram maml = offer(OptionsOf(Method::kMaml)).program;
  EXPECT_EQ(maml.adapted_layers, 3);
  EXPECT_EQ(maml.inner_steps, 2);
  EXPECT_TRUE(maml.second_order);
  EXPECT_EQ(maml.support_prior, 1.5);
  EXPECT_EQ(maml.inner_rate, 0.07);
  EXPECT_EQ(
      maml.log_rates,
      SmallWorld(OptionsOf(Method::kMaml), at::kDouble).learner().layout().Find("inner_lr.log"));
  EXPECT_FALSE(offer(OptionsOf(Method::kFomaml)).program.second_order);
  EXPECT_EQ(offer(OptionsOf(Method::kAnil)).program.adapted_layers, 1);
  EXPECT_EQ(offer(OptionsOf(Method::kMaml, Loss::kMse, Type::kEmbeddingMlp, Adapt::kHead))
                .program.adapted_layers,
            1);
  LearnerOptions fixed = OptionsOf(Method::kMaml);
  fixed.descent.learn_inner_lr = Learn::kNo;
  EXPECT_EQ(offer(fixed).program.log_rates, -1);
}

struct Case {
  LearnerOptions options;
  std::string name;

  Chunk MakeChunk() const {
    const Loss loss = options.meta.loss;
    return SmallWorld::MakeChunk(6, loss == Loss::kBce, loss == Loss::kBpr ? 2 : 0, 3);
  }
};

std::vector<Case> AllCases() {
  std::vector<Case> cases;
  constexpr const char* kMethods[] = {"joint", "maml", "fomaml", "anil", "ridge", "prototypes"};
  for (const Type type : {Type::kEmbeddingDot, Type::kEmbeddingMlp}) {
    for (size_t m = 0; m < std::size(kMethods); ++m) {
      for (const Loss loss : {Loss::kMse, Loss::kBce, Loss::kBpr}) {
        const auto method = static_cast<Method>(m);
        if (method == Method::kRidge && loss != Loss::kMse) continue;
        for (const Adapt adapt : {Adapt::kDense, Adapt::kAll}) {
          if (adapt == Adapt::kAll && method != Method::kMaml) continue;
          cases.push_back(
              {OptionsOf(method, loss, type, adapt),
               fmt::format("{}_{}_{}{}", type == Type::kEmbeddingDot ? "dot" : "mlp", kMethods[m],
                           static_cast<int>(loss), adapt == Adapt::kAll ? "_all" : "")});
        }
      }
    }
  }
  return cases;
}

class EveryMethod : public ::testing::TestWithParam<Case> {
 protected:
  EveryMethod() : world_(GetParam().options, at::kDouble) {}
  ChunkPredictions Predict(const Chunk& chunk, bool adapt = true) {
    return world_.learner().Predict(world_.parameters(), world_.builder(), chunk, adapt);
  }
  // The predictions of each task of a chunk.
  std::vector<std::vector<double>> PerTask(const Chunk& chunk) {
    const std::vector<double> rows = Predict(chunk).query;
    std::vector<std::vector<double>> tasks;
    for (int64_t t = 0; t < chunk.task_count(); ++t) {
      tasks.emplace_back(rows.begin() + chunk.query.offsets[t],
                         rows.begin() + chunk.query.offsets[t + 1]);
    }
    return tasks;
  }
  static void ExpectNear(const std::vector<double>& actual, const std::vector<double>& expected) {
    ASSERT_EQ(actual.size(), expected.size());
    for (size_t i = 0; i < actual.size(); ++i) EXPECT_NEAR(actual[i], expected[i], 1e-11);
  }

  SmallWorld world_;
};

INSTANTIATE_TEST_SUITE_P(, EveryMethod, ::testing::ValuesIn(AllCases()),
                         [](const auto& test) { return test.param.name; });

TEST_P(EveryMethod, ATaskOfAChunkIsPredictedAsTheTaskAlone) {
  const Chunk chunk = GetParam().MakeChunk();
  const std::vector<std::vector<double>> together = PerTask(chunk);
  const std::vector<double> losses = Predict(chunk).query_loss;
  for (int64_t t = 0; t < chunk.task_count(); ++t) {
    const Chunk alone = SelectTasks(chunk, {t});
    ExpectNear(Predict(alone).query, together[t]);
    ExpectNear(Predict(alone).query_loss, {losses[t]});
  }
}

TEST_P(EveryMethod, TheOrderOfTasksAndOfSupportRowsDoesNotMatter) {
  const Chunk chunk = GetParam().MakeChunk();
  const std::vector<std::vector<double>> expected = PerTask(chunk);
  Chunk turned = SelectTasks(chunk, {4, 2, 5, 0, 3, 1});
  for (int64_t t = 0; t < turned.task_count(); ++t) {
    const int64_t begin = turned.support.offsets[t], end = turned.support.offsets[t + 1];
    const auto reverse = [](auto& list, int64_t first, int64_t last) {
      std::reverse(list.begin() + first, list.begin() + last);
    };
    reverse(turned.support.items, begin, end);
    reverse(turned.support.labels, begin, end);
    if (!turned.support.negatives.empty()) reverse(turned.support.negatives, 2 * begin, 2 * end);
  }
  const std::vector<std::vector<double>> actual = PerTask(turned);
  size_t t = 0;
  for (const size_t from : {4, 2, 5, 0, 3, 1}) ExpectNear(actual[t++], expected[from]);
}

TEST_P(EveryMethod, AdaptationReadsTheSupportAndNeverTheQueryLabels) {
  const Chunk chunk = GetParam().MakeChunk();
  const std::vector<double> expected = Predict(chunk).query;
  Chunk other = chunk;
  for (float& label : other.query.labels) label = 1.0f - label;
  EXPECT_EQ(Predict(other).query, expected);
  if (GetParam().options.meta.method == Method::kJoint) return;
  for (float& label : other.support.labels) label += 1.0f;
  for (int64_t& item : other.support.items) item = (item + 1) % SmallWorld::kItems;
  const std::vector<double> actual = Predict(other).query;
  for (size_t i = 0; i < actual.size(); ++i) EXPECT_GT(std::abs(actual[i] - expected[i]), 1e-9);
}

TEST_P(EveryMethod, AdaptationLeavesTheMetaParametersAlone) {
  const at::Tensor before = world_.parameters().dense.clone();
  const std::vector<double> first = Predict(GetParam().MakeChunk()).query;
  EXPECT_TRUE(at::equal(world_.parameters().dense, before));
  EXPECT_EQ(Predict(GetParam().MakeChunk()).query, first);
}

TEST_P(EveryMethod, TheGradientOfAChunkIsTheSumOverItsTasksAlone) {
  const Chunk chunk = GetParam().MakeChunk();
  const ChunkResult whole = world_.generic().Compute(chunk, world_.parameters());
  at::Tensor dense = at::zeros_like(whole.dense_gradient);
  std::vector<std::map<int64_t, std::vector<double>>> rows(whole.table_rows.size());
  for (int64_t t = 0; t < chunk.task_count(); ++t) {
    const ChunkResult part = world_.generic().Compute(SelectTasks(chunk, {t}), world_.parameters());
    EXPECT_NEAR(part.query_loss[0], whole.query_loss[t], 1e-11);
    dense += part.dense_gradient;
    for (size_t table = 0; table < rows.size(); ++table) {
      for (int64_t r = 0; r < std::ssize(part.table_rows[table]); ++r) {
        const std::vector<double> gradient = ToDoubles(part.row_gradients[table][r]);
        std::vector<double>& sum = rows[table][part.table_rows[table][r]];
        sum.resize(gradient.size(), 0.0);
        for (size_t i = 0; i < sum.size(); ++i) sum[i] += gradient[i];
      }
    }
  }
  ExpectNear(ToDoubles(dense), ToDoubles(whole.dense_gradient));
  for (size_t table = 0; table < rows.size(); ++table) {
    ASSERT_EQ(rows[table].size(), whole.table_rows[table].size());
    for (int64_t r = 0; r < std::ssize(whole.table_rows[table]); ++r) {
      ExpectNear(rows[table].at(whole.table_rows[table][r]),
                 ToDoubles(whole.row_gradients[table][r]));
    }
  }
}

}  // namespace
}  // namespace hearth
