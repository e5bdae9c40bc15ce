#include "trainer/adapt/task_loss.h"

#include <cmath>
#include <vector>

#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "common/random.h"
#include "trainer/tensor/parameters.h"

namespace hearth {
namespace {

using Loss = MetaOptions::Loss;

const at::TensorOptions kReal = at::TensorOptions().dtype(at::kDouble);

// Three tasks of 1, 4 and 2 rows, padded to 4; each row has 3 negatives. The padding holds scores
// and labels that must not count.
struct Rows {
  static constexpr int64_t kTasks = 3, kWidth = 4, kNegatives = 3;
  static constexpr int64_t kCounts[kTasks] = {1, 4, 2};

  Rows() {
    RandomStream random(6, Purpose::kTest);
    for (int64_t i = 0; i < kTasks * kWidth; ++i) {
      score.push_back(2.0 * random.NextNormal());
      label.push_back(random.NextDouble());
      mask.push_back(i % kWidth < kCounts[i / kWidth] ? 1.0 : 0.0);
    }
    for (int64_t i = 0; i < kTasks * kWidth * kNegatives; ++i) {
      negative.push_back(2.0 * random.NextNormal());
    }
  }
  RowScores Scores() const {
    return {.rows = FromDoubles(score, {kTasks, kWidth}, kReal),
            .negatives = FromDoubles(negative, {kTasks, kWidth * kNegatives}, kReal)};
  }
  LabelledRows Labelled() const {
    LabelledRows rows;
    rows.labels = FromDoubles(label, {kTasks, kWidth}, kReal);
    rows.mask = FromDoubles(mask, {kTasks, kWidth}, kReal);
    rows.inverse_count = FromDoubles({1.0, 0.25, 0.5}, {kTasks}, kReal);
    return rows;
  }

  std::vector<double> score, negative, label, mask;
};

double Logistic(double x) { return 1.0 / (1.0 + std::exp(-x)); }

// The loss of a row, by its definition.
double LossOfRow(Loss loss, const Rows& rows, int64_t row) {
  const double y = rows.score[row], label = rows.label[row];
  if (loss == Loss::kMse) return (y - label) * (y - label);
  if (loss == Loss::kBce) {
    return -label * std::log(Logistic(y)) - (1.0 - label) * std::log(1.0 - Logistic(y));
  }
  double sum = 0.0;
  for (int64_t n = 0; n < Rows::kNegatives; ++n) {
    sum -= std::log(Logistic(y - rows.negative[row * Rows::kNegatives + n]));
  }
  return sum / Rows::kNegatives;
}

TEST(TaskLosses, AreMeansOverTheRowsOfEachTask) {
  const Rows rows;
  for (const Loss loss : {Loss::kMse, Loss::kBce, Loss::kBpr}) {
    SCOPED_TRACE(static_cast<int>(loss));
    const std::vector<double> losses = ToDoubles(TaskLosses(loss, rows.Scores(), rows.Labelled()));
    ASSERT_EQ(losses.size(), 3u);
    for (int64_t t = 0; t < Rows::kTasks; ++t) {
      double sum = 0.0;
      for (int64_t r = 0; r < Rows::kCounts[t]; ++r) {
        sum += LossOfRow(loss, rows, t * Rows::kWidth + r);
      }
      EXPECT_NEAR(losses[t], sum / static_cast<double>(Rows::kCounts[t]), 1e-14) << t;
    }
  }
}

TEST(TaskLosses, GradientsAreTheClosedFormsAndZeroInThePadding) {
  const Rows rows;
  for (const Loss loss : {Loss::kMse, Loss::kBce, Loss::kBpr}) {
    RowScores scores = rows.Scores();
    scores.rows.requires_grad_(true);
    scores.negatives.requires_grad_(true);
    const std::vector<at::Tensor> gradients = torch::autograd::grad(
        {TaskLosses(loss, scores, rows.Labelled()).sum()}, {scores.rows, scores.negatives}, {},
        false, false, /*allow_unused=*/true);
    const std::vector<double> of_rows = ToDoubles(gradients[0]);
    for (int64_t r = 0; r < Rows::kTasks * Rows::kWidth; ++r) {
      SCOPED_TRACE(::testing::Message() << "loss " << static_cast<int>(loss) << ", row " << r);
      const double weight = rows.mask[r] / static_cast<double>(Rows::kCounts[r / Rows::kWidth]);
      double expected = 0.0;
      if (loss == Loss::kMse) expected = 2.0 * (rows.score[r] - rows.label[r]);
      if (loss == Loss::kBce) expected = Logistic(rows.score[r]) - rows.label[r];
      for (int64_t n = 0; loss == Loss::kBpr && n < Rows::kNegatives; ++n) {
        const int64_t place = r * Rows::kNegatives + n;
        const double part = Logistic(rows.negative[place] - rows.score[r]) / Rows::kNegatives;
        expected -= part;
        EXPECT_NEAR(gradients[1].view({-1})[place].item<double>(), weight * part, 1e-15);
      }
      EXPECT_NEAR(of_rows[r], weight * expected, 1e-14);
    }
  }
}

// The losses of one row in float32.
double LossInFloat32(Loss loss, double score, double label, double negative) {
  const at::TensorOptions single = at::TensorOptions().dtype(at::kFloat);
  LabelledRows rows;
  rows.labels = FromDoubles({label}, {1, 1}, single);
  rows.mask = FromDoubles({1.0}, {1, 1}, single);
  rows.inverse_count = FromDoubles({1.0}, {1}, single);
  const RowScores scores{.rows = FromDoubles({score}, {1, 1}, single),
                         .negatives = FromDoubles({negative}, {1, 1}, single)};
  return ToDoubles(TaskLosses(loss, scores, rows))[0];
}

TEST(TaskLosses, LargeLogitsNeitherOverflowNorVanish) {
  EXPECT_EQ(LossInFloat32(Loss::kBce, 500.0, 0.0, 0.0), 500.0);
  EXPECT_EQ(LossInFloat32(Loss::kBce, -500.0, 1.0, 0.0), 500.0);
  EXPECT_EQ(LossInFloat32(Loss::kBce, 500.0, 1.0, 0.0), 0.0);
  EXPECT_EQ(LossInFloat32(Loss::kBpr, -300.0, 0.0, 200.0), 500.0);
  EXPECT_EQ(LossInFloat32(Loss::kBpr, 300.0, 0.0, -200.0), 0.0);
}

TEST(TaskLosses, OfABprRowIgnoreTheLabel) {
  EXPECT_EQ(LossInFloat32(Loss::kBpr, 0.3, 5.0, 0.1), LossInFloat32(Loss::kBpr, 0.3, 0.0, 0.1));
}

TEST(TaskLosses, PairsWithoutNegativesAreABug) {
  Rows rows;
  RowScores scores = rows.Scores();
  scores.negatives = at::Tensor();
  EXPECT_DEATH(TaskLosses(Loss::kBpr, scores, rows.Labelled()), "bpr without negatives");
}

TEST(PredictionOf, IsAProbabilityForBceAlone) {
  const at::Tensor score = FromDoubles({-1.2, 0.0, 3.0}, {3}, kReal);
  EXPECT_EQ(ToDoubles(PredictionOf(Loss::kMse, score)), ToDoubles(score));
  EXPECT_EQ(ToDoubles(PredictionOf(Loss::kBpr, score)), ToDoubles(score));
  const std::vector<double> probability = ToDoubles(PredictionOf(Loss::kBce, score));
  EXPECT_NEAR(probability[0], 0.23147521650098232, 1e-15);
  EXPECT_EQ(probability[1], 0.5);
  EXPECT_NEAR(probability[2], 0.9525741268224334, 1e-15);
}

TEST(OutputOffset, PutsTheFirstPredictionAtTheMeanLabel) {
  EXPECT_EQ(OutputOffset(Loss::kMse, 3.58), 3.58);
  EXPECT_EQ(OutputOffset(Loss::kBpr, 0.7), 0.0);
  for (const double mean : {0.02, 0.3, 0.5, 0.97}) {
    EXPECT_NEAR(Logistic(OutputOffset(Loss::kBce, mean)), mean, 1e-15);
  }
}

// The logit of a mean of 0 or 1 is not finite.
TEST(OutputOffset, OfLabelsThatAreAllEqualIsFinite) {
  EXPECT_NEAR(OutputOffset(Loss::kBce, 0.0), -std::log(99.0), 1e-14);
  EXPECT_NEAR(OutputOffset(Loss::kBce, 1.0), std::log(99.0), 1e-14);
}

}  // namespace
}  // namespace hearth
