#include "trainer/gradient/generic_engine.h"

#include <cmath>
#include <limits>
#include <map>
#include <set>

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/trainer/support/models_and_methods.h"
#include "tests/trainer/support/relative_error.h"
#include "tests/trainer/support/small_world.h"
#include "trainer/adapt/fast_rows.h"
#include "trainer/adapt/task_loss.h"

namespace hearth {
namespace {

using Activation = ModelOptions::Activation;
using Adapt = GradientDescentOptions::Adapt;
using FastWeights = GradientDescentOptions::FastWeights;
using Learn = GradientDescentOptions::LearnInnerLr;
using Loss = MetaOptions::Loss;
using Method = MetaOptions::Method;
using Type = ModelOptions::Type;

struct Case {
  Type type;
  Method method;
  Learn learn;
  Loss loss;
  std::string name;
  Adapt adapt = Adapt::kDense;
};

// Every model with joint and the methods of gradient descent. ReferenceEngine knows these methods.
std::vector<Case> AllDescents() {
  const std::vector<Method> methods = {Method::kJoint, Method::kMaml, Method::kFomaml,
                                       Method::kAnil};
  const std::vector<std::pair<Learn, std::string>> learns = {
      {Learn::kNo, "fixed"},
      {Learn::kPerParameter, "rates"},
      {Learn::kPerParameterAndStep, "stepRates"},
      {Learn::kPerElement, "elementRates"}};
  const std::vector<std::pair<Loss, std::string>> losses = {
      {Loss::kMse, "mse"}, {Loss::kBce, "bce"}, {Loss::kBpr, "bpr"}};
  std::vector<Case> cases;
  for (const Type type : kEveryModel) {
    for (const Method method : methods) {
      for (const auto& [learn, learn_name] : learns) {
        for (const auto& [loss, loss_name] : losses) {
          const std::string name =
              TestNameOf(type) + "_" + TestNameOf(method) + "_" + learn_name + "_" + loss_name;
          cases.push_back({type, method, learn, loss, name});
          if (method != Method::kMaml && method != Method::kFomaml) continue;
          cases.push_back({type, method, learn, loss, name + "_all", Adapt::kAll});
        }
      }
    }
  }
  return cases;
}

// Every model with all other methods, closed-form and metric-based ones, each with the losses that
// it takes. Their oracles per task are in tests/trainer/adapt/.
std::vector<Case> OtherFamilies() {
  std::vector<Case> cases;
  for (const Type type : kEveryModel) {
    const std::string name = TestNameOf(type);
    cases.push_back({type, Method::kRidge, Learn::kNo, Loss::kMse, name + "_ridge_mse"});
    cases.push_back({type, Method::kRidge, Learn::kNo, Loss::kBpr, name + "_ridge_bpr"});
    for (const auto& [loss, loss_name] :
         {std::pair(Loss::kMse, "_mse"), std::pair(Loss::kBce, "_bce"),
          std::pair(Loss::kBpr, "_bpr")}) {
      cases.push_back(
          {type, Method::kPrototypes, Learn::kNo, loss, name + "_prototypes" + loss_name});
    }
  }
  return cases;
}

ModelOptions SmallModel(Type type, Activation activation) {
  ModelOptions options;
  options.type = type;
  options.dim = 4;
  options.layers = {6, 5};
  options.activation = activation;
  options.init_scale = 0.3;
  return options;
}

SmallWorld MakeWorld(const Case& c, Activation activation, at::ScalarType precision,
                     FastWeights fast_weights = FastWeights::kAuto, bool recompute = false) {
  return SmallWorld({.model = SmallModel(c.type, activation),
                     .meta = {.method = c.method, .loss = c.loss},
                     .descent = {.inner_steps = 3,
                                 .inner_lr = 0.07,
                                 .learn_inner_lr = c.learn,
                                 .support_prior = 1.5,
                                 .adapt = c.adapt,
                                 .fast_weights = fast_weights,
                                 .recompute = recompute}},
                    precision);
}

Chunk MakeChunkFor(const Case& c, int64_t task_count = 6) {
  return SmallWorld::MakeChunk(task_count, c.loss == Loss::kBce, c.loss == Loss::kBpr ? 2 : 0, 3);
}

TEST(GenericEngine, EveryMethodAndModelIsInAList) {
  std::set<std::pair<Type, Method>> listed, all;
  for (const auto& cases : {AllDescents(), OtherFamilies()}) {
    for (const Case& c : cases) listed.emplace(c.type, c.method);
  }
  for (const Type type : kEveryModel) {
    for (const Method method : kEveryMethod) all.emplace(type, method);
  }
  EXPECT_EQ(listed, all) << "the gradient of a method that is missing here is not checked";
}

class EveryMethodAndModel : public ::testing::TestWithParam<Case> {};
class EveryDescentAndModel : public ::testing::TestWithParam<Case> {};

std::string NameOf(const ::testing::TestParamInfo<Case>& test) { return test.param.name; }

INSTANTIATE_TEST_SUITE_P(Descents, EveryMethodAndModel, ::testing::ValuesIn(AllDescents()), NameOf);
INSTANTIATE_TEST_SUITE_P(Others, EveryMethodAndModel, ::testing::ValuesIn(OtherFamilies()), NameOf);
INSTANTIATE_TEST_SUITE_P(, EveryDescentAndModel, ::testing::ValuesIn(AllDescents()), NameOf);

// The changes that adaptation makes to the parameters and the vectors, as constants.
struct Offsets {
  std::map<int64_t, at::Tensor> parameters;  // [parameter] [tasks, shape...]
  FastRows rows;
};

Offsets OffsetsOf(const SmallWorld& world, const ParameterValues& theta, const TaskState& state) {
  Offsets offsets;
  for (int64_t p = 0; p < theta.size(); ++p) {
    const at::Tensor* adapted = state.Find(world.learner().layout().spec(p).name);
    if (adapted != nullptr) offsets.parameters[p] = (*adapted - theta[p].unsqueeze(0)).clone();
  }
  offsets.rows = FastRowsOf(state, *world.learner().model().encoders());
  return offsets;
}

// Returns the query loss of the chunk under the first-order convention: the inner loop subtracts
// constants, the `offsets` at the unperturbed parameters.
double FirstOrderLoss(SmallWorld& world, const ChunkBatch& batch, const Offsets& offsets) {
  const Learner& learner = world.learner();
  const MetaParameters& parameters = world.parameters();
  ParameterValues values = ViewParameters(learner.layout(), parameters.dense);
  const EncodedChunk chunk =
      learner.Encode(values, batch, GatherTableRows(parameters, batch.table_rows));
  for (const auto& [p, offset] : offsets.parameters) values[p] = values[p].unsqueeze(0) + offset;
  const auto score = [&](const EncodedRows& rows) {
    const EncodedRows moved = MovedRows(*learner.model().encoders(), batch, rows, offsets.rows);
    return learner.model().Score(values, learner.model().MakeHeadRows(moved));
  };
  RowScores scores{.rows = score(chunk.query.rows), .negatives = {}};
  if (chunk.query.negatives.defined()) scores.negatives = score(chunk.query.negatives);
  return TaskLosses(learner.loss(), scores, chunk.query).sum().item<double>();
}

// Returns the loss as a function of world.parameters(). Its derivative must be the engine's
// gradient.
std::function<double()> LossFunction(const Case& c, SmallWorld& world, const Chunk& chunk) {
  if (c.method != Method::kFomaml) {
    return [&world, chunk] { return world.generic().Compute(chunk, world.parameters()).loss_sum; };
  }
  const Learner& learner = world.learner();
  const ChunkBatch batch = world.builder().Build(chunk);
  const MetaParameters& parameters = world.parameters();
  const ParameterValues theta = ViewParameters(learner.layout(), parameters.dense);
  const EncodedChunk encoded =
      learner.Encode(theta, batch, GatherTableRows(parameters, batch.table_rows));
  const TaskState state = learner.adaptation().Adapt(theta, encoded, Graph::kNone);
  return [&world, batch, offsets = OffsetsOf(world, theta, state)] {
    return FirstOrderLoss(world, batch, offsets);
  };
}

double CentralDifference(double& value, const std::function<double()>& loss) {
  constexpr double kStep = 1e-5;
  const double saved = value;
  value = saved + kStep;
  const double above = loss();
  value = saved - kStep;
  const double below = loss();
  value = saved;
  return (above - below) / (2.0 * kStep);
}

TEST_P(EveryMethodAndModel, GradientIsTheCentralDifference) {
  const Case& c = GetParam();
  SmallWorld world = MakeWorld(c, Activation::kTanh, at::kDouble);
  const Chunk chunk = MakeChunkFor(c);
  const ChunkResult result = world.generic().Compute(chunk, world.parameters());
  const std::function<double()> loss = LossFunction(c, world, chunk);
  const double scale = result.dense_gradient.abs().max().item<double>();

  auto* dense = world.parameters().dense.mutable_data_ptr<double>();
  const auto* gradient = result.dense_gradient.const_data_ptr<double>();
  for (const ParameterSpec& spec : world.learner().layout().specs()) {
    // First-order rates have no loss function of their own; the reference engine checks them.
    if (c.method == Method::kFomaml && spec.name == "inner_lr.log") continue;
    for (int64_t i = spec.offset; i < spec.offset + spec.count; i += 1 + spec.count / 7) {
      EXPECT_NEAR(gradient[i], CentralDifference(dense[i], loss), 1e-6 * scale) << spec.name;
    }
  }
  for (size_t t = 0; t < world.parameters().tables.size(); ++t) {
    EmbeddingTable& table = world.parameters().tables[t];
    const auto* row_gradient = result.row_gradients[t].const_data_ptr<double>();
    for (int64_t r = 0; r < std::ssize(result.table_rows[t]); r += 3) {
      const int64_t d = r % table.dim();
      double& value =
          table.rows()
              .mutable_data_ptr<double>()[table.LocalRowOf(result.table_rows[t][r]) * table.dim() +
                                          d];
      EXPECT_NEAR(row_gradient[r * table.dim() + d], CentralDifference(value, loss), 1e-6 * scale)
          << table.name();
    }
  }
}

TEST_P(EveryDescentAndModel, SmoothModelMatchesThePerTaskReferenceInFloat32) {
  const Case& c = GetParam();
  SmallWorld world = MakeWorld(c, Activation::kGelu, at::kFloat);
  const Chunk chunk = MakeChunkFor(c);
  const ChunkResult batched = world.generic().Compute(chunk, world.parameters());
  const ChunkResult loop = world.reference().Compute(chunk, world.parameters());
  EXPECT_LT(RelativeError(batched, loop), 1e-5);
  EXPECT_NEAR(batched.loss_sum, loop.loss_sum, 1e-5 * loop.loss_sum);
}

TEST_P(EveryDescentAndModel, ReluModelMatchesThePerTaskReferenceInFloat64) {
  const Case& c = GetParam();
  SmallWorld world = MakeWorld(c, Activation::kRelu, at::kDouble);
  const Chunk chunk = MakeChunkFor(c);
  const ChunkResult batched = world.generic().Compute(chunk, world.parameters());
  const ChunkResult loop = world.reference().Compute(chunk, world.parameters());
  EXPECT_LT(RelativeError(batched, loop), 1e-12);
}

TEST_P(EveryDescentAndModel, FactoredFastWeightsGiveTheGradientOfExplicitOnes) {
  const Case& c = GetParam();
  SmallWorld a = MakeWorld(c, Activation::kGelu, at::kDouble, FastWeights::kExplicit);
  SmallWorld b = MakeWorld(c, Activation::kGelu, at::kDouble, FastWeights::kFactored);
  const Chunk chunk = MakeChunkFor(c);
  const ChunkResult exact = a.generic().Compute(chunk, a.parameters());
  const ChunkResult factored = b.generic().Compute(chunk, b.parameters());
  EXPECT_LT(RelativeError(factored, exact), 1e-12);
  EXPECT_NEAR(factored.loss_sum, exact.loss_sum, 1e-12 * exact.loss_sum);
}

TEST_P(EveryDescentAndModel, RecomputedInnerStepsGiveTheGradientOfStepsThatAreKept) {
  const Case& c = GetParam();
  for (const FastWeights held : {FastWeights::kExplicit, FastWeights::kFactored}) {
    SmallWorld kept = MakeWorld(c, Activation::kGelu, at::kDouble, held);
    SmallWorld recomputed = MakeWorld(c, Activation::kGelu, at::kDouble, held, true);
    const Chunk chunk = MakeChunkFor(c);
    const ChunkResult expected = kept.generic().Compute(chunk, kept.parameters());
    const ChunkResult result = recomputed.generic().Compute(chunk, recomputed.parameters());
    EXPECT_LT(RelativeError(result, expected), 1e-12);
    EXPECT_EQ(result.loss_sum, expected.loss_sum);
  }
}

TEST(GenericEngine, FirstOrderDiffersFromSecondOrderByMoreThanTheTolerance) {
  for (const Type type : kEveryModel) {
    const Case second{type, Method::kMaml, Learn::kNo, Loss::kMse, ""};
    const Case first{type, Method::kFomaml, Learn::kNo, Loss::kMse, ""};
    const Chunk chunk = MakeChunkFor(second);
    SmallWorld a = MakeWorld(second, Activation::kTanh, at::kDouble);
    SmallWorld b = MakeWorld(first, Activation::kTanh, at::kDouble);
    const ChunkResult exact = a.generic().Compute(chunk, a.parameters());
    const ChunkResult dropped = b.generic().Compute(chunk, b.parameters());
    EXPECT_GT(RelativeError(dropped, exact), 1e-3);
    EXPECT_DOUBLE_EQ(dropped.loss_sum, exact.loss_sum);
  }
}

TEST(GenericEngine, LeavesOutATaskThatIsNotFiniteAndKeepsTheOthersBits) {
  const Case c{Type::kEmbeddingMlp, Method::kMaml, Learn::kPerParameter, Loss::kMse, ""};
  SmallWorld world = MakeWorld(c, Activation::kRelu, at::kFloat);
  for (const bool in_support : {true, false}) {
    Chunk chunk = MakeChunkFor(c);
    TaskRows& rows = in_support ? chunk.support : chunk.query;
    rows.labels[rows.offsets[2]] = std::numeric_limits<float>::infinity();
    const ChunkResult result = world.generic().Compute(chunk, world.parameters());
    const ChunkResult others =
        world.generic().Compute(SelectTasks(chunk, {0, 1, 3, 4, 5}), world.parameters());
    EXPECT_EQ(result.finite_task_count, 5);
    EXPECT_TRUE(std::isnan(result.query_loss[2]));
    EXPECT_DOUBLE_EQ(result.query_loss[3], others.query_loss[2]);
    EXPECT_TRUE(at::equal(result.dense_gradient, others.dense_gradient));
  }
}

TEST(GenericEngine, AChunkWithoutFiniteTasksGivesZeroGradients) {
  const Case c{Type::kEmbeddingDot, Method::kMaml, Learn::kNo, Loss::kMse, ""};
  SmallWorld world = MakeWorld(c, Activation::kRelu, at::kFloat);
  Chunk chunk = MakeChunkFor(c, 2);
  for (float& label : chunk.query.labels) label = std::numeric_limits<float>::quiet_NaN();
  const ChunkResult result = world.generic().Compute(chunk, world.parameters());
  EXPECT_EQ(result.finite_task_count, 0);
  EXPECT_EQ(result.dense_gradient.abs().max().item<float>(), 0.0f);
  for (const at::Tensor& rows : result.row_gradients) {
    EXPECT_EQ(rows.abs().sum().item<float>(), 0.0f);
  }
}

TEST(GenericEngine, HidingItemIdsMovesTheirGradientToTheUnknownRow) {
  const Case c{Type::kEmbeddingDot, Method::kMaml, Learn::kNo, Loss::kMse, ""};
  SmallWorld world = MakeWorld(c, Activation::kRelu, at::kFloat);
  Chunk chunk = MakeChunkFor(c);
  chunk.hide_item_ids = true;
  const ChunkResult result = world.generic().Compute(chunk, world.parameters());
  EXPECT_THAT(result.table_rows.back(), ::testing::ElementsAre(0));
}

// Writes every negative as a row of label 0, task by task, by plain loops.
TaskRows WrittenOut(const TaskRows& rows, int64_t per_row) {
  TaskRows all;
  for (int64_t t = 0; t < rows.task_count(); ++t) {
    for (int64_t row = rows.offsets[t]; row < rows.offsets[t + 1]; ++row) {
      all.items.push_back(rows.items[row]);
      all.labels.push_back(rows.labels[row]);
    }
    for (int64_t n = rows.offsets[t] * per_row; n < rows.offsets[t + 1] * per_row; ++n) {
      all.items.push_back(rows.negatives[n]);
      all.labels.push_back(0);
    }
    all.offsets.push_back(std::ssize(all.items));
  }
  return all;
}

// A pointwise loss takes its negatives as rows, in the inner loop and in the meta-gradient. The
// oracle computes each task alone and is given the rows written out.
TEST_P(EveryDescentAndModel, NegativesOfAPointwiseLossAreRowsOfLabelZero) {
  const Case& c = GetParam();
  if (c.loss == Loss::kBpr || c.learn != Learn::kPerParameter) return;
  SmallWorld world = MakeWorld(c, Activation::kTanh, at::kDouble);
  Chunk chunk = SmallWorld::MakeChunk(6, /*binary=*/true, /*negatives_per_row=*/3, 3);
  chunk.negatives_are_rows = true;
  Chunk written = chunk;
  written.support = WrittenOut(chunk.support, 3);
  written.query = WrittenOut(chunk.query, 3);
  written.negatives_per_row = 0;
  written.negatives_are_rows = false;
  const ChunkResult expected = world.reference().Compute(written, world.parameters());
  std::vector<ChunkResult> results = {world.generic().Compute(chunk, world.parameters())};
  if (FusedEngine::WhyNot(world.learner(), at::kCPU).empty()) {
    results.push_back(world.fused().Compute(chunk, world.parameters()));
  }
  for (const ChunkResult& result : results) {
    EXPECT_EQ(result.finite_task_count, 6);
    EXPECT_NEAR(result.loss_sum, expected.loss_sum, 1e-9);
    EXPECT_LT(RelativeError(result.dense_gradient, expected.dense_gradient), 1e-9);
    ASSERT_EQ(result.row_gradients.size(), expected.row_gradients.size());
    for (size_t t = 0; t < expected.row_gradients.size(); ++t) {
      EXPECT_LT(RelativeError(result.row_gradients[t], expected.row_gradients[t]), 1e-9);
    }
  }
}

}  // namespace
}  // namespace hearth
