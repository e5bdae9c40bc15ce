#include "trainer/adapt/prototypes.h"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "tests/trainer/support/small_world.h"

namespace hearth {
namespace {

using Loss = MetaOptions::Loss;

LearnerOptions Options(Loss loss) {
  LearnerOptions options;
  options.model.dim = 4;
  options.model.layers = {5};
  options.model.activation = ModelOptions::Activation::kTanh;
  options.model.init_scale = 0.3;
  options.meta = {.method = MetaOptions::Method::kPrototypes, .loss = loss};
  return options;
}

class PrototypesTest : public ::testing::TestWithParam<Loss> {
 protected:
  PrototypesTest() : world_(Options(GetParam()), at::kDouble) {}

  std::vector<double> Parameter(const std::string& name) const {
    for (const ParameterSpec& spec : world_.learner().layout().specs()) {
      if (spec.name != name) continue;
      return ToDoubles(world_.parameters().dense.narrow(0, spec.offset, spec.count));
    }
    return {};
  }

  // The features of all rows of a task, and the base model's scores.
  struct Rows {
    std::vector<std::vector<double>> x;
    std::vector<double> scores;
  };
  Rows RowsOf(const EncodedRows& rows, int64_t task) const {
    const Model& model = world_.learner().model();
    const ParameterValues theta =
        ViewParameters(world_.learner().layout(), world_.parameters().dense);
    const HeadRows inputs = model.MakeHeadRows(rows);
    const at::Tensor x = model.Features(theta, inputs).x.x.select(0, task);
    Rows result{.x = {}, .scores = ToDoubles(model.Score(theta, inputs).select(0, task))};
    for (int64_t r = 0; r < x.size(0); ++r) result.x.push_back(ToDoubles(x.select(0, r)));
    return result;
  }

  // The weighted mean of the rows and the learned prototype; the prototype has the learned weight.
  std::vector<double> Mean(const std::string& start, const Rows& rows,
                           const std::vector<double>& weights) const {
    const double prior = std::exp(Parameter("prototypes.log_prior")[0]);
    std::vector<double> sum = Parameter(start);
    for (double& value : sum) value *= prior;
    double total = prior;
    for (size_t r = 0; r < weights.size(); ++r) {
      total += weights[r];
      for (size_t i = 0; i < sum.size(); ++i) sum[i] += weights[r] * rows.x[r][i];
    }
    for (double& value : sum) value /= total;
    return sum;
  }

  static double SquaredDistance(const std::vector<double>& a, const std::vector<double>& b) {
    double sum = 0.0;
    for (size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sum;
  }

  // The state of a chunk: the prototype `name` of each task.
  std::vector<std::vector<double>> StateOf(const Chunk& chunk, const std::string& name) const {
    const MetaParameters& parameters = world_.parameters();
    const TaskState state = world_.learner().Adapt(parameters, world_.builder(), chunk);
    std::vector<std::vector<double>> tasks;
    for (int64_t t = 0; t < chunk.task_count(); ++t) {
      tasks.push_back(ToDoubles(state.Find(name)->select(0, t)));
    }
    return tasks;
  }
  void SetParameter(const std::string& name, double value) {
    const ParameterLayout& layout = world_.learner().layout();
    const ParameterSpec& spec = layout.spec(layout.Find(name));
    for (int64_t i = 0; i < spec.count; ++i) {
      world_.parameters().dense.mutable_data_ptr<double>()[spec.offset + i] = value;
    }
  }
  static void ExpectNear(const std::vector<double>& actual, const std::vector<double>& expected,
                         double tolerance) {
    ASSERT_EQ(actual.size(), expected.size());
    for (size_t i = 0; i < actual.size(); ++i) EXPECT_NEAR(actual[i], expected[i], tolerance);
  }

  mutable SmallWorld world_;
};

std::string NameOf(const ::testing::TestParamInfo<Loss>& test) {
  constexpr const char* kNames[] = {"mse", "bce", "bpr"};
  return kNames[static_cast<int>(test.param)];
}

INSTANTIATE_TEST_SUITE_P(, PrototypesTest, ::testing::Values(Loss::kMse, Loss::kBce, Loss::kBpr),
                         NameOf);

TEST_P(PrototypesTest, ScoresAreThoseOfWeightedMeans) {
  const bool pairwise = GetParam() == Loss::kBpr;
  const int64_t negatives = pairwise ? 2 : 0;
  const Chunk chunk = SmallWorld::MakeChunk(4, GetParam() == Loss::kBce, negatives, 3);
  const Learner& learner = world_.learner();
  const MetaParameters& parameters = world_.parameters();
  const ChunkBatch batch = world_.builder().Build(chunk);
  const ParameterValues theta = ViewParameters(learner.layout(), parameters.dense);
  const EncodedChunk encoded =
      learner.Encode(theta, batch, GatherTableRows(parameters, batch.table_rows));
  const TaskState state = learner.adaptation().Adapt(theta, encoded, Graph::kNone);
  const at::Tensor scores = learner.adaptation().Score(theta, state, batch, encoded.query.rows);
  const double scale = std::exp(Parameter("prototypes.log_scale")[0]);
  for (int64_t t = 0; t < chunk.task_count(); ++t) {
    const int64_t begin = chunk.support.offsets[t], end = chunk.support.offsets[t + 1];
    std::vector<double> likes, dislikes;
    for (int64_t r = begin; r < end; ++r) {
      const double above = chunk.support.labels[r] - learner.schema()->label_mean;
      likes.push_back(pairwise ? 1.0 : std::max(0.0, above));
      if (!pairwise) dislikes.push_back(std::max(0.0, -above));
    }
    const Rows support = RowsOf(encoded.support.rows, t);
    Rows disliked = support;
    if (pairwise) {
      disliked = RowsOf(encoded.support.negatives, t);
      dislikes.assign((end - begin) * negatives, 1.0 / static_cast<double>(negatives));
    }
    const std::vector<double> like = Mean("prototypes.like", support, likes);
    const std::vector<double> dislike = Mean("prototypes.dislike", disliked, dislikes);
    const Rows query = RowsOf(encoded.query.rows, t);
    for (int64_t r = 0; r < chunk.query.offsets[t + 1] - chunk.query.offsets[t]; ++r) {
      const double expected = query.scores[r] + scale * (SquaredDistance(query.x[r], dislike) -
                                                         SquaredDistance(query.x[r], like));
      EXPECT_NEAR(scores[t][r].item<double>(), expected, 1e-10);
    }
  }
}

TEST_P(PrototypesTest, LikedItemsAreScoredHigherThanBefore) {
  const bool pairwise = GetParam() == Loss::kBpr;
  Chunk chunk = SmallWorld::MakeChunk(1, true, pairwise ? 2 : 0, 3);
  const float best = 5.0f;
  chunk.support.items = {1};
  chunk.support.labels = {best};
  chunk.support.offsets = {0, 1};
  if (pairwise) chunk.support.negatives = {2, 4};
  chunk.query = chunk.support;
  const Learner& learner = world_.learner();
  const auto predict = [&](bool adapt) {
    return learner.Predict(world_.parameters(), world_.builder(), chunk, adapt).query[0];
  };
  EXPECT_GT(predict(true), predict(false));
}

// Losses with labels.
class PrototypesOfLabels : public PrototypesTest {};
INSTANTIATE_TEST_SUITE_P(, PrototypesOfLabels, ::testing::Values(Loss::kMse, Loss::kBce), NameOf);

TEST_P(PrototypesOfLabels, RowsAtTheMeanLabelAreNeitherLikedNorDisliked) {
  Chunk chunk = SmallWorld::MakeChunk(3, false, 0, 3);
  for (float& label : chunk.support.labels) {
    label = static_cast<float>(world_.learner().schema()->label_mean);
  }
  for (const char* name : {"prototypes.like", "prototypes.dislike"}) {
    for (const std::vector<double>& prototype : StateOf(chunk, name)) {
      ExpectNear(prototype, Parameter(name), 1e-15);
    }
  }
}

TEST_P(PrototypesOfLabels, LabelsAboveTheMeanMoveTheLikedPrototypeAlone) {
  Chunk chunk = SmallWorld::MakeChunk(3, false, 0, 3);
  for (const bool above : {true, false}) {
    for (float& label : chunk.support.labels) label = above ? 5.0f : 1.0f;
    const std::string moved = above ? "prototypes.like" : "prototypes.dislike";
    const std::string kept = above ? "prototypes.dislike" : "prototypes.like";
    for (const std::vector<double>& prototype : StateOf(chunk, kept)) {
      ExpectNear(prototype, Parameter(kept), 1e-15);
    }
    for (const std::vector<double>& prototype : StateOf(chunk, moved)) {
      EXPECT_GT(SquaredDistance(prototype, Parameter(moved)), 1e-4);
    }
  }
}

TEST_P(PrototypesTest, ThePriorCountsRowsOfTheLearnedPrototype) {
  Chunk chunk = SmallWorld::MakeChunk(1, false, GetParam() == Loss::kBpr ? 1 : 0, 3);
  ASSERT_EQ(chunk.support.row_count(), 1);
  chunk.support.labels = {4.5f};  // one above the mean label
  SetParameter("prototypes.log_prior", -40.0);
  const std::vector<double> features = StateOf(chunk, "prototypes.like")[0];
  SetParameter("prototypes.log_prior", 40.0);
  const std::vector<double> learned = Parameter("prototypes.like");
  ExpectNear(StateOf(chunk, "prototypes.like")[0], learned, 1e-14);
  SetParameter("prototypes.log_prior", std::log(3.0));
  std::vector<double> expected;
  for (size_t i = 0; i < learned.size(); ++i) {
    expected.push_back((features[i] + 3.0 * learned[i]) / 4.0);
  }
  ExpectNear(StateOf(chunk, "prototypes.like")[0], expected, 1e-14);
}

TEST_P(PrototypesTest, WithoutAdaptationTheLearnedPrototypesAnswer) {
  const Chunk chunk = SmallWorld::MakeChunk(2, GetParam() == Loss::kBce, 2, 3);
  const Learner& learner = world_.learner();
  const auto scores = [&] {
    const ChunkBatch batch = world_.builder().Build(chunk);
    const ParameterValues theta = ViewParameters(learner.layout(), world_.parameters().dense);
    const EncodedChunk encoded =
        learner.Encode(theta, batch, GatherTableRows(world_.parameters(), batch.table_rows));
    const Rows rows = RowsOf(encoded.query.rows, 1);
    const std::vector<double> actual =
        ToDoubles(learner.adaptation().Score(theta, {}, batch, encoded.query.rows).select(0, 1));
    const double scale = std::exp(Parameter("prototypes.log_scale")[0]);
    for (size_t r = 0; r < actual.size(); ++r) {
      const double nearer = SquaredDistance(rows.x[r], Parameter("prototypes.dislike")) -
                            SquaredDistance(rows.x[r], Parameter("prototypes.like"));
      EXPECT_NEAR(actual[r], rows.scores[r] + scale * nearer, 1e-13);
    }
    return actual;
  };
  const std::vector<double> before = scores();
  SetParameter("prototypes.like", 2.0);
  EXPECT_NE(scores(), before);
}

}  // namespace
}  // namespace hearth
