#include "trainer/evaluate/baseline.h"

#include <cmath>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/trainer/evaluate/log_fixture.h"
#include "trainer/evaluate/als.h"
#include "trainer/evaluate/item_knn.h"
#include "trainer/evaluate/simple_baselines.h"

namespace hearth {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

const std::vector<int64_t> kAllFour = {0, 1, 2, 3};

TEST(GlobalMean, IsTheMeanOverEvents) {
  EXPECT_THAT(GlobalMean(SmallLog()).Predict({}, kAllFour), Each(3.0));
}

TEST(SupportMean, IsTheMeanOfTheSupportOrElseTheGlobalOne) {
  const SupportMean baseline(SmallLog());
  const std::vector<int64_t> items = {2, 3};
  const std::vector<float> labels = {1, 2};
  EXPECT_THAT(baseline.Predict({items, labels}, kAllFour), Each(1.5));
  EXPECT_THAT(baseline.Predict({}, kAllFour), Each(3.0));
}

TEST(Popularity, CountsTrainingEventsAndDoesNotPredictLabels) {
  const Popularity baseline(SmallLog());
  EXPECT_THAT(baseline.Predict({}, kAllFour), ElementsAre(2, 1, 0, 0));
  EXPECT_FALSE(baseline.predicts_labels());
}

TEST(ItemKnn, MatchesBruteForceOverItsFormula) {
  const TrainingLog log = TasteWorld(15).Log(40, 8, 12);
  const BiasModel bias(log, {});
  const ItemKnn::Options options{.neighbours = 15, .shrinkage = 3, .damping = 0.2};
  const ItemKnn knn(log, bias, options);
  // Dense residuals; NaN if there is no event.
  std::vector<std::vector<double>> c(40, std::vector<double>(15, std::nan("")));
  for (int64_t u = 0; u < 40; ++u) {
    for (size_t e = 0; e < 8; ++e) {
      const uint32_t item = log.ColumnsOf(u)[e];
      c[u][item] = log.LabelsOf(u)[e] - bias.mean() - bias.row_biases()[u] - bias.column_bias(item);
    }
  }
  const auto similarity = [&](int64_t i, int64_t j) {
    double product = 0, ii = 0, jj = 0, both = 0;
    for (const std::vector<double>& user : c) {
      if (!std::isnan(user[i])) ii += user[i] * user[i];
      if (!std::isnan(user[j])) jj += user[j] * user[j];
      if (std::isnan(user[i] + user[j])) continue;
      product += user[i] * user[j];
      ++both;
    }
    return both == 0 ? 0.0 : product / std::sqrt(ii * jj) * both / (both + options.shrinkage);
  };
  const std::vector<int64_t> support_items = {3, 7, 11, 14}, query = {0, 5, 9, 13};
  const std::vector<float> support_labels = {5, 2, 4, 1};
  const Support support{support_items, support_labels};
  const std::vector<double> scores = knn.Predict(support, query);
  for (size_t q = 0; q < query.size(); ++q) {
    double sum = 0, weight = options.damping;
    const double base = bias.mean() + bias.BiasOf(support);
    for (size_t s = 0; s < support_items.size(); ++s) {
      if (support_items[s] >= 12 || query[q] >= 12) continue;
      const double w = similarity(query[q], support_items[s]);
      sum += w * (support_labels[s] - base - bias.column_bias(support_items[s]));
      weight += std::abs(w);
    }
    EXPECT_NEAR(scores[q], base + bias.column_bias(query[q]) + sum / weight, 1e-5);
  }
}

TEST(ItemKnn, SumsCosinesOfPositivesWhereLabelsAreZeroAndOne) {
  TrainingLog log;
  log.column_count = 4;
  log.AddRow(std::vector<uint32_t>{0, 1, 2}, std::vector<float>{1, 1, 0});
  log.AddRow(std::vector<uint32_t>{0, 1, 3}, std::vector<float>{1, 1, 1});
  log.AddRow(std::vector<uint32_t>{1, 2}, std::vector<float>{0, 1});
  const BiasModel bias(log, {});
  const ItemKnn knn(log, bias, {.shrinkage = 0});
  EXPECT_FALSE(knn.predicts_labels());
  // The positives of item 0 are the tasks 0 and 1, and so are the ones of item 1; item 2 has task 2
  // and item 3 has task 1.
  const std::vector<int64_t> support = {0, 2}, query = {1, 2, 3};
  const std::vector<double> cosines = {1, 0, 1 / std::sqrt(2)};
  const std::vector<float> liked_first = {1, 0};
  const std::vector<double> scores = knn.Predict({support, liked_first}, query);
  for (size_t q = 0; q < query.size(); ++q) {
    EXPECT_NEAR(scores[q], bias.column_bias(query[q]) + cosines[q], 1e-6) << query[q];
  }
}

TEST(ItemKnn, KeepsTheStrongestNeighboursOnly) {
  const TrainingLog log = TasteWorld(15).Log(40, 8, 15);
  const BiasModel bias(log, {});
  const std::vector<int64_t> support_items = {1, 2, 3, 4, 5, 6}, query = {0, 7, 8};
  const std::vector<float> support_labels = {5, 1, 5, 1, 5, 1};
  const Support support{support_items, support_labels};
  const auto predict = [&](int64_t neighbours) {
    return ItemKnn(log, bias, {.neighbours = neighbours}).Predict(support, query);
  };
  EXPECT_EQ(predict(14), predict(1000));
  EXPECT_NE(predict(3), predict(14));
  for (size_t q = 0; q < query.size(); ++q) {
    EXPECT_NEAR(predict(0)[q], bias.mean() + bias.BiasOf(support) + bias.column_bias(query[q]),
                1e-12);
  }
}

TEST(Als, NewUserIsTheTrainingUserOfTheSameEventsUpToThePrior) {
  const TrainingLog log = TasteWorld(60).Log(200, 40, 60);
  const AlsModel model(log, BiasModel(log, {}), {.dim = 2, .ridge = 0.01, .bias_ridge = 0.01});
  const std::vector<int64_t> items(log.ColumnsOf(9).begin(), log.ColumnsOf(9).end());
  const std::vector<double> user = model.SolveUser({items, log.LabelsOf(9)});
  for (size_t d = 0; d < user.size(); ++d) EXPECT_NEAR(user[d], model.UserVector(9)[d], 1e-2);
}

TEST(Als, WithoutSupportANewUserIsTheMeanTrainingUser) {
  const TrainingLog log = TasteWorld(20).Log(30, 10, 20);
  const AlsModel model(log, BiasModel(log, {}), {.dim = 3});
  EXPECT_EQ(model.mean_user().size(), 4u);
  std::vector<double> mean(4, 0.0);
  for (int64_t row = 0; row < 30; ++row) {
    for (size_t d = 0; d < 4; ++d) mean[d] += model.UserVector(row)[d] / 30.0;
  }
  for (size_t d = 0; d < 4; ++d) {
    EXPECT_NEAR(model.mean_user()[d], mean[d], 1e-12);
    EXPECT_NEAR(model.SolveUser({})[d], mean[d], 1e-12);
  }
}

TEST(Als, UnseenItemsFallBackToTheBiasPrediction) {
  const TrainingLog log = TasteWorld(20).Log(30, 10, 15);
  const AlsModel model(log, BiasModel(log, {}), {});
  EXPECT_THAT(model.ItemVector(17), Each(0.0));
  const std::vector<double> user = model.SolveUser({});
  EXPECT_DOUBLE_EQ(model.Score(user, 17), model.mean() + user[0]);
}

TEST(Baselines, RecoverATasteModelInTheExpectedOrder) {
  const TasteWorld world(120);
  const TrainingLog log = world.Log(400, 40, 120);
  std::map<std::string, double> error;
  for (const auto& baseline : FitBaselines(log, 1)) {
    if (!baseline->predicts_labels()) continue;
    double square = 0;
    for (uint64_t number = 0; number < 50; ++number) {
      RandomStream random(99, Purpose::kTest, number);
      const TasteWorld::User user = TasteWorld::DrawUser(random);
      std::vector<int64_t> items = SampleWithoutReplacement(120, 40, random);
      std::vector<float> labels;
      for (size_t i = 0; i < 30; ++i) {
        labels.push_back(
            static_cast<float>(world.Truth(user, items[i]) + 0.3 * random.NextNormal()));
      }
      const std::span<const int64_t> all(items);
      const std::vector<double> scores =
          baseline->Predict({all.first(30), labels}, all.subspan(30));
      for (size_t i = 0; i < 10; ++i)
        square += std::pow(scores[i] - world.Truth(user, items[30 + i]), 2);
    }
    error[std::string(baseline->name())] = std::sqrt(square / 500);
  }
  EXPECT_LT(error.at("support_mean"), error.at("global_mean"));
  EXPECT_LT(error.at("bias"), 0.98 * error.at("support_mean"));
  EXPECT_LT(error.at("item_knn"), 0.8 * error.at("bias"));
  EXPECT_LT(error.at("als"), 0.5 * error.at("bias"));
}

TEST(Baselines, AreNamedInTheOrderOfReportsAndAreReproducible) {
  const TrainingLog log = TasteWorld(20).Log(30, 10, 20);
  const auto first = FitBaselines(log, 7), second = FitBaselines(log, 7);
  const std::vector<int64_t> items = {1, 2, 3}, query = {4, 5, 19};
  const std::vector<float> labels = {5, 3, 1};
  std::vector<std::string> names;
  for (size_t i = 0; i < first.size(); ++i) {
    names.emplace_back(first[i]->name());
    EXPECT_EQ(first[i]->Predict({items, labels}, query),
              second[i]->Predict({items, labels}, query));
  }
  EXPECT_THAT(names,
              ElementsAre("global_mean", "support_mean", "bias", "popularity", "item_knn", "als"));
}

TEST(Baselines, SurviveALogWithoutEvents) {
  TrainingLog log;
  log.column_count = 4;
  const std::vector<int64_t> items = {1};
  const std::vector<float> labels = {4};
  for (const auto& baseline : FitBaselines(log, 1)) {
    for (const double score : baseline->Predict({items, labels}, kAllFour)) {
      EXPECT_TRUE(std::isfinite(score)) << baseline->name();
    }
  }
}

// Makes a log with two circles of ten items each. A task touches six items of one circle.
TrainingLog PositiveOnlyLog() {
  TrainingLog log;
  log.column_count = 20;
  log.positive_only = true;
  for (uint64_t row = 0; row < 60; ++row) {
    std::vector<uint32_t> items;
    for (const int64_t item :
         SampleWithoutReplacement(10, 6, RandomStream(4, Purpose::kTest, row))) {
      items.push_back(static_cast<uint32_t>(item + 10 * static_cast<int64_t>(row % 2)));
    }
    log.AddRow(items, std::vector<float>(items.size(), 1.0f));
  }
  return log;
}

TEST(PositiveOnlyBaselines, RankTheUsersCircleFirst) {
  const TrainingLog log = PositiveOnlyLog();
  const std::vector<int64_t> support = {12, 15}, inside = {10, 11, 13, 14, 19}, outside = {0, 1, 5};
  const std::vector<float> labels = {1, 1};
  int checked = 0;
  for (const auto& baseline : FitBaselines(log, 1)) {
    if (baseline->name() != "item_knn" && baseline->name() != "als") continue;
    EXPECT_FALSE(baseline->predicts_labels());
    const std::vector<double> good = baseline->Predict({support, labels}, inside);
    const std::vector<double> bad = baseline->Predict({support, labels}, outside);
    EXPECT_GT(std::ranges::min(good), std::ranges::max(bad) + 1e-3) << baseline->name();
    ++checked;
  }
  EXPECT_EQ(checked, 2);
}

TEST(PositiveOnlyBaselines, ImplicitAlsIsAMinimumOverTheUsersVectors) {
  const TrainingLog log = PositiveOnlyLog();
  const AlsModel::Options options{.dim = 3, .ridge = 0.7, .unseen_weight = 0.1};
  const AlsModel model(log, BiasModel(log, {}), options);
  const std::span<const double> user = model.UserVector(5);
  EXPECT_EQ(user[0], 0.0);
  for (size_t d = 1; d <= 3; ++d) {
    double gradient = options.ridge * user[d];
    for (int64_t item = 0; item < 20; ++item) {
      gradient += options.unseen_weight * model.Score(user, item) * model.ItemVector(item)[d];
    }
    for (const uint32_t item : log.ColumnsOf(5)) {
      gradient += (model.Score(user, item) - 1.0) * model.ItemVector(item)[d];
    }
    EXPECT_NEAR(gradient, 0.0, 1e-9);
  }
}

}  // namespace
}  // namespace hearth
