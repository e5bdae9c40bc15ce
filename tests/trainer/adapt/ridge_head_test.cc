#include "trainer/adapt/ridge_head.h"

#include <cmath>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/error.h"
#include "tests/trainer/support/models_and_methods.h"
#include "tests/trainer/support/small_world.h"

namespace hearth {
namespace {

using Matrix = std::vector<std::vector<double>>;

LearnerOptions Options(ModelOptions::Type type) {
  LearnerOptions options;
  options.model.type = type;
  options.model.dim = 4;
  options.model.layers = {6, 5};
  options.model.activation = ModelOptions::Activation::kTanh;
  options.model.init_scale = 0.3;
  options.meta.method = MetaOptions::Method::kRidge;
  return options;
}

// Solves a x = b by Gauss elimination with pivots.
std::vector<double> Solve(Matrix a, std::vector<double> b) {
  const size_t n = b.size();
  for (size_t i = 0; i < n; ++i) {
    size_t pivot = i;
    for (size_t r = i + 1; r < n; ++r) {
      if (std::abs(a[r][i]) > std::abs(a[pivot][i])) pivot = r;
    }
    std::swap(a[i], a[pivot]);
    std::swap(b[i], b[pivot]);
    for (size_t r = 0; r < n; ++r) {
      if (r == i) continue;
      const double factor = a[r][i] / a[i][i];
      for (size_t c = i; c < n; ++c) a[r][c] -= factor * a[i][c];
      b[r] -= factor * b[i];
    }
  }
  for (size_t i = 0; i < n; ++i) b[i] /= a[i][i];
  return b;
}

// The rows of one task: features and a last feature of 1, labels, and scores of the base model.
struct Rows {
  Matrix x;
  std::vector<double> labels, scores;
};

class RidgeHeadTest : public ::testing::TestWithParam<ModelOptions::Type> {
 protected:
  RidgeHeadTest() : world_(Options(GetParam()), at::kDouble) {}

  const Learner& learner() const { return world_.learner(); }

  Rows RowsOf(const LabelledRows& rows, int64_t task, int64_t count) const {
    const ParameterValues theta = ViewParameters(learner().layout(), world_.parameters().dense);
    const HeadRows inputs = learner().model().MakeHeadRows(rows.rows);
    const at::Tensor x = learner().model().Features(theta, inputs).x.x.select(0, task);
    const at::Tensor scores = learner().model().Score(theta, inputs).select(0, task);
    Rows result;
    for (int64_t r = 0; r < count; ++r) {
      result.x.push_back(ToDoubles(x.select(0, r)));
      result.x.back().push_back(1.0);
      result.labels.push_back(rows.labels.select(0, task)[r].item<double>());
      result.scores.push_back(scores[r].item<double>());
    }
    return result;
  }

  std::vector<double> Strengths() const {
    const ParameterLayout& layout = learner().layout();
    for (const ParameterSpec& spec : layout.specs()) {
      if (spec.name != "ridge.log_strength") continue;
      std::vector<double> logs =
          ToDoubles(world_.parameters().dense.narrow(0, spec.offset, spec.count));
      for (double& value : logs) value = std::exp(value);
      return logs;
    }
    return {};
  }

  // The normal equations, term by term.
  std::vector<double> Change(const Rows& rows) const {
    const std::vector<double> strengths = Strengths();
    const size_t n = strengths.size();
    Matrix normal(n, std::vector<double>(n, 0.0));
    std::vector<double> right(n, 0.0);
    for (size_t i = 0; i < n; ++i) normal[i][i] = strengths[i];
    for (size_t r = 0; r < rows.x.size(); ++r) {
      for (size_t i = 0; i < n; ++i) {
        right[i] += rows.x[r][i] * (rows.labels[r] - rows.scores[r]);
        for (size_t j = 0; j < n; ++j) normal[i][j] += rows.x[r][i] * rows.x[r][j];
      }
    }
    return Solve(normal, right);
  }

  // The parameter ridge.log_strength, to be changed.
  double* LogStrength() {
    const ParameterLayout& layout = learner().layout();
    return world_.parameters().dense.mutable_data_ptr<double>() +
           layout.spec(layout.Find("ridge.log_strength")).offset;
  }
  void SetStrengths(double value) {
    const size_t count = Strengths().size();
    for (size_t j = 0; j < count; ++j) LogStrength()[j] = std::log(value);
  }

  // The chunk as encoded by the base model, and the adapted state.
  struct Adapted {
    ChunkBatch batch;
    LabelledRows support;
    std::vector<std::vector<double>> change;  // [task]
  };
  Adapted AdaptTo(const Chunk& chunk) const {
    const MetaParameters& parameters = world_.parameters();
    ChunkBatch batch = world_.builder().Build(chunk);
    const ParameterValues theta = ViewParameters(learner().layout(), parameters.dense);
    const EncodedChunk encoded =
        learner().Encode(theta, batch, GatherTableRows(parameters, batch.table_rows));
    const TaskState state = learner().adaptation().Adapt(theta, encoded, Graph::kNone);
    Adapted adapted{.batch = batch, .support = encoded.support, .change = {}};
    const at::Tensor& change = *state.Find("ridge.change");
    EXPECT_FALSE(change.requires_grad());
    for (int64_t t = 0; t < chunk.task_count(); ++t) adapted.change.push_back(ToDoubles(change[t]));
    return adapted;
  }

  mutable SmallWorld world_;
};

INSTANTIATE_TEST_SUITE_P(, RidgeHeadTest, ::testing::ValuesIn(kEveryModel),
                         [](const auto& test) { return TestNameOf(test.param); });

TEST_P(RidgeHeadTest, EachTaskIsTheSolutionOfItsNormalEquations) {
  const Chunk chunk = SmallWorld::MakeChunk(5, false, 0, 3);
  const MetaParameters& parameters = world_.parameters();
  const ChunkBatch batch = world_.builder().Build(chunk);
  const ParameterValues theta = ViewParameters(learner().layout(), parameters.dense);
  const EncodedChunk encoded =
      learner().Encode(theta, batch, GatherTableRows(parameters, batch.table_rows));
  const std::vector<double> predicted =
      learner().Predict(parameters, world_.builder(), chunk, /*adapt=*/true).query;
  size_t next = 0;
  for (int64_t t = 0; t < chunk.task_count(); ++t) {
    const auto count = [&](const TaskRows& rows) { return rows.offsets[t + 1] - rows.offsets[t]; };
    const std::vector<double> change = Change(RowsOf(encoded.support, t, count(chunk.support)));
    const Rows query = RowsOf(encoded.query, t, count(chunk.query));
    for (size_t r = 0; r < query.x.size(); ++r) {
      double expected = query.scores[r];
      for (size_t i = 0; i < change.size(); ++i) expected += query.x[r][i] * change[i];
      EXPECT_NEAR(predicted[next++], expected, 1e-10);
    }
  }
  EXPECT_EQ(next, predicted.size());
}

TEST_P(RidgeHeadTest, WithoutSupportTheBaseModelAnswers) {
  const Chunk chunk = SmallWorld::MakeChunk(3, false, 0, 3);
  const MetaParameters& parameters = world_.parameters();
  LearnerOptions joint = Options(GetParam());
  joint.meta.method = MetaOptions::Method::kJoint;
  SmallWorld base(joint, at::kDouble);
  base.parameters().dense.copy_(
      parameters.dense.narrow(0, 0, base.parameters().dense.numel()));  // strengths come last
  EXPECT_EQ(learner().Predict(parameters, world_.builder(), chunk, false).query,
            base.learner().Predict(base.parameters(), base.builder(), chunk, false).query);
}

// d = x (y - s) / (strength + |x|^2), by the formula of Sherman and Morrison.
TEST_P(RidgeHeadTest, OneSupportRowIsSolvedInClosedForm) {
  SetStrengths(0.8);
  const Chunk chunk = SelectTasks(SmallWorld::MakeChunk(5, false, 0, 3), {0});
  ASSERT_EQ(chunk.support.row_count(), 1);
  const Adapted adapted = AdaptTo(chunk);
  const Rows row = RowsOf(adapted.support, 0, 1);
  double square = 0.0;
  for (const double x : row.x[0]) square += x * x;
  ASSERT_EQ(adapted.change[0].size(), row.x[0].size());
  for (size_t j = 0; j < row.x[0].size(); ++j) {
    const double expected = row.x[0][j] * (row.labels[0] - row.scores[0]) / (0.8 + square);
    EXPECT_NEAR(adapted.change[0][j], expected, 1e-13);
  }
}

TEST_P(RidgeHeadTest, AlmostNoStrengthAnswersFewSupportRowsExactly) {
  SetStrengths(1e-9);
  Chunk chunk = SelectTasks(SmallWorld::MakeChunk(5, false, 0, 3), {0, 1, 2});
  chunk.support.items = {0, 1, 2, 5, 7, 9};  // 1, 2 and 3 rows, less than features
  chunk.query = chunk.support;
  const std::vector<double> predicted =
      learner().Predict(world_.parameters(), world_.builder(), chunk, /*adapt=*/true).query;
  for (size_t r = 0; r < predicted.size(); ++r) {
    EXPECT_NEAR(predicted[r], chunk.query.labels[r], 1e-4) << r;
  }
}

TEST_P(RidgeHeadTest, AHugeStrengthKeepsItsFeatureAndNoOtherAtTheBaseModel) {
  const Chunk chunk = SmallWorld::MakeChunk(4, false, 0, 3);
  const size_t count = Strengths().size();
  for (size_t fixed = 0; fixed < count; ++fixed) {
    SetStrengths(0.5);
    LogStrength()[fixed] = std::log(1e12);
    const Adapted adapted = AdaptTo(chunk);
    for (const std::vector<double>& change : adapted.change) {
      ASSERT_EQ(change.size(), count);
      for (size_t j = 0; j < count; ++j) {
        if (j == fixed) {
          EXPECT_LT(std::abs(change[j]), 1e-9);
        } else {
          EXPECT_GT(std::abs(change[j]), 1e-6) << "feature " << j << ", fixed " << fixed;
        }
      }
    }
  }
}

TEST_P(RidgeHeadTest, ARowGivenTwiceCountsTwice) {
  Chunk chunk = SelectTasks(SmallWorld::MakeChunk(5, false, 0, 3), {0});
  chunk.support.items = {2, 5, 5};
  chunk.support.labels = {4.0f, 1.0f, 1.0f};
  chunk.support.offsets = {0, 3};
  const std::vector<double> change = AdaptTo(chunk).change[0];
  Rows rows = RowsOf(AdaptTo(chunk).support, 0, 2);
  // The same task as weighted least squares: the second row is longer by the root of two.
  const double root = std::sqrt(2.0);
  for (double& x : rows.x[1]) x *= root;
  rows.labels[1] *= root;
  rows.scores[1] *= root;
  const std::vector<double> expected = Change(rows);
  for (size_t j = 0; j < change.size(); ++j) EXPECT_NEAR(change[j], expected[j], 1e-12);
}

TEST_P(RidgeHeadTest, LabelsThatTheBaseModelPredictsChangeNothing) {
  Chunk chunk = SelectTasks(SmallWorld::MakeChunk(5, false, 0, 3), {1});
  const Rows rows = RowsOf(AdaptTo(chunk).support, 0, chunk.support.row_count());
  for (size_t r = 0; r < rows.scores.size(); ++r) {
    chunk.support.labels[r] = static_cast<float>(rows.scores[r]);
  }
  const std::vector<double> changes = AdaptTo(chunk).change[0];
  for (const double change : changes) EXPECT_NEAR(change, 0.0, 1e-5);
}

TEST_P(RidgeHeadTest, ATaskThatIsNotFiniteIsLeftOut) {
  Chunk chunk = SmallWorld::MakeChunk(4, false, 0, 3);
  chunk.support.labels[chunk.support.offsets[1]] = std::numeric_limits<float>::quiet_NaN();
  const ChunkResult result = world_.generic().Compute(chunk, world_.parameters());
  EXPECT_EQ(result.finite_task_count, 3);
  EXPECT_TRUE(std::isnan(result.query_loss[1]));
}

// (X^T X + U U^T + strength) d = X^T (1 - s), whatever the labels are.
TEST_P(RidgeHeadTest, ForBprUnseenItemsAreThePriorPrecision) {
  LearnerOptions options = Options(GetParam());
  options.meta.loss = MetaOptions::Loss::kBpr;
  SmallWorld world(options, at::kDouble);
  const Chunk chunk = SmallWorld::MakeChunk(5, false, 2, 3);
  const MetaParameters& parameters = world.parameters();
  const ChunkBatch batch = world.builder().Build(chunk);
  const Learner& learner = world.learner();
  const ParameterValues theta = ViewParameters(learner.layout(), parameters.dense);
  const EncodedChunk encoded =
      learner.Encode(theta, batch, GatherTableRows(parameters, batch.table_rows));
  const TaskState state = learner.adaptation().Adapt(theta, encoded, Graph::kNone);
  const HeadRows inputs = learner.model().MakeHeadRows(encoded.support.rows);
  const at::Tensor features = learner.model().Features(theta, inputs).x.x;
  const at::Tensor scores = learner.model().Score(theta, inputs);
  const at::Tensor strengths = theta[learner.layout().Find("ridge.log_strength")];
  const at::Tensor unseen = theta[learner.layout().Find("ridge.unseen")];
  for (int64_t t = 0; t < chunk.task_count(); ++t) {
    const int64_t count = chunk.support.offsets[t + 1] - chunk.support.offsets[t];
    const size_t n = static_cast<size_t>(features.size(2));
    Matrix normal(n, std::vector<double>(n, 0.0));
    std::vector<double> right(n, 0.0);
    for (size_t i = 0; i < n; ++i) {
      normal[i][i] += std::exp(strengths[i].item<double>());
      const std::vector<double> a = ToDoubles(unseen[static_cast<int64_t>(i)]);
      for (size_t j = 0; j < n; ++j) {
        const std::vector<double> b = ToDoubles(unseen[static_cast<int64_t>(j)]);
        for (size_t k = 0; k < n; ++k) normal[i][j] += a[k] * b[k];
      }
    }
    for (int64_t r = 0; r < count; ++r) {
      const std::vector<double> x = ToDoubles(features[t][r]);
      for (size_t i = 0; i < n; ++i) {
        right[i] += x[i] * (1.0 - scores[t][r].item<double>());
        for (size_t j = 0; j < n; ++j) normal[i][j] += x[i] * x[j];
      }
    }
    const std::vector<double> expected = Solve(normal, right);
    const std::vector<double> change = ToDoubles((*state.Find("ridge.change"))[t]);
    ASSERT_EQ(change.size(), n);
    for (size_t i = 0; i < n; ++i) EXPECT_NEAR(change[i], expected[i], 1e-10);
  }
}

TEST_P(RidgeHeadTest, CrossEntropyIsRefusedByBothKeys) {
  LearnerOptions options = Options(GetParam());
  options.meta.loss = MetaOptions::Loss::kBce;
  try {
    SmallWorld(options, at::kDouble);
    FAIL() << "not refused";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("meta.method=ridge"));
    EXPECT_THAT(error.what(), ::testing::HasSubstr("meta.loss=mse"));
  }
}

}  // namespace
}  // namespace hearth
