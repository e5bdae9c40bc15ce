#include "trainer/evaluate/metrics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/error.h"
#include "common/random.h"

namespace hearth {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsNan;

constexpr double kTolerance = 1e-12;

struct Task {
  std::vector<double> predictions, labels;
};

double Evaluate(const std::string& metric, const Task& task, MetricOptions options = {}) {
  const Metric parsed = ParseMetric(metric);
  return EvaluateTask(std::span(&parsed, 1), task.predictions, task.labels, options)[0];
}

// Returns the textbook value of a ranking metric for one order of the rows.
double OfOrder(Metric metric, const std::vector<size_t>& order, const std::vector<double>& labels) {
  const auto k = static_cast<size_t>(metric.k);
  double dcg = 0, best = 0, hits = 0, relevant = 0, first = 0;
  std::vector<double> sorted = labels;
  std::sort(sorted.rbegin(), sorted.rend());
  for (size_t rank = 0; rank < order.size(); ++rank) {
    const bool is_relevant = labels[order[rank]] >= 4;
    const double discount = std::log2(static_cast<double>(rank) + 2.0);
    if (rank < k) dcg += (std::pow(2.0, labels[order[rank]]) - 1) / discount;
    if (rank < k) best += (std::pow(2.0, sorted[rank]) - 1) / discount;
    if (rank < k) hits += is_relevant;
    relevant += is_relevant;
    if (is_relevant && first == 0) first = static_cast<double>(rank) + 1;
  }
  if (metric.kind == MetricKind::kNdcg) return best > 0 ? dcg / best : kUndefined;
  if (relevant == 0) return kUndefined;
  if (metric.kind == MetricKind::kPrecisionAt) return hits / static_cast<double>(k);
  if (metric.kind == MetricKind::kRecallAt) return hits / relevant;
  if (metric.kind == MetricKind::kHitRateAt) return hits > 0 ? 1 : 0;
  return 1 / first;
}

// Returns the mean over every order that sorts by falling prediction: brute force over ties.
double OverAllOrders(Metric metric, const Task& task) {
  std::vector<size_t> order(task.labels.size());
  std::iota(order.begin(), order.end(), size_t{0});
  double sum = 0, count = 0;
  do {
    if (!std::ranges::is_sorted(order, std::greater<>(),
                                [&](size_t row) { return task.predictions[row]; })) {
      continue;
    }
    sum += OfOrder(metric, order, task.labels);
    ++count;
  } while (std::ranges::next_permutation(order).found);
  return sum / count;
}

TEST(RankingMetrics, EqualTheMeanOverAllOrdersOfTiedRows) {
  RandomStream random(1, Purpose::kTest);
  for (int trial = 0; trial < 300; ++trial) {
    Task task;
    const uint64_t row_count = 1 + random.NextBelow(6), levels = 1 + random.NextBelow(4);
    for (uint64_t row = 0; row < row_count; ++row) {
      task.predictions.push_back(0.5 * static_cast<double>(random.NextBelow(levels)));
      task.labels.push_back(static_cast<double>(random.NextBelow(6)));
    }
    for (const std::string name : {"ndcg@1", "ndcg@3", "ndcg@10", "p@1", "p@3", "p@10", "r@2",
                                   "r@10", "hr@1", "hr@2", "hr@5", "mrr"}) {
      const double expected = OverAllOrders(ParseMetric(name), task);
      const double found = Evaluate(name, task);
      if (std::isnan(expected)) {
        EXPECT_THAT(found, IsNan()) << name << " trial " << trial;
      } else {
        EXPECT_NEAR(found, expected, kTolerance) << name << " trial " << trial;
      }
    }
  }
}

TEST(RankingMetrics, AucCountsPairsWithTiesHalf) {
  RandomStream random(2, Purpose::kTest);
  int undefined = 0;
  for (int trial = 0; trial < 300; ++trial) {
    Task task;
    const uint64_t row_count = 1 + random.NextBelow(12);
    for (uint64_t row = 0; row < row_count; ++row) {
      task.predictions.push_back(static_cast<double>(random.NextBelow(5)));
      task.labels.push_back(static_cast<double>(random.NextBelow(6)));
    }
    double won = 0, pairs = 0;
    for (size_t a = 0; a < row_count; ++a) {
      for (size_t b = 0; b < row_count; ++b) {
        if (task.labels[a] < 4 || task.labels[b] >= 4) continue;
        const double pa = task.predictions[a], pb = task.predictions[b];
        if (pa > pb) won += 1;
        if (pa == pb) won += 0.5;
        ++pairs;
      }
    }
    const double found = Evaluate("auc", task);
    if (pairs == 0) {
      EXPECT_THAT(found, IsNan());
      ++undefined;
    } else {
      EXPECT_NEAR(found, won / pairs, kTolerance);
    }
  }
  EXPECT_GT(undefined, 0);
}

TEST(RankingMetrics, ConstantPredictionScoresChanceWhateverTheOrderOfRows) {
  const Task ascending{{3, 3, 3, 3}, {1, 2, 4, 5}}, descending{{3, 3, 3, 3}, {5, 4, 2, 1}};
  for (const std::string name : {"ndcg@2", "p@2", "r@2", "hr@2", "mrr", "auc"}) {
    EXPECT_DOUBLE_EQ(Evaluate(name, ascending), Evaluate(name, descending)) << name;
  }
  EXPECT_DOUBLE_EQ(Evaluate("auc", ascending), 0.5);
  EXPECT_DOUBLE_EQ(Evaluate("p@2", ascending), 0.5);
  const double mean_gain = (1.0 + 3.0 + 15.0 + 31.0) / 4.0, second = 1.0 / std::log2(3.0);
  EXPECT_NEAR(Evaluate("ndcg@2", ascending), mean_gain * (1 + second) / (31 + 15 * second),
              kTolerance);
}

TEST(RankingMetrics, PerfectAndReversedOrders) {
  const Task perfect{{4, 3, 2, 1}, {5, 4, 2, 1}}, reversed{{1, 2, 3, 4}, {5, 4, 2, 1}};
  EXPECT_DOUBLE_EQ(Evaluate("ndcg@4", perfect), 1.0);
  EXPECT_DOUBLE_EQ(Evaluate("auc", perfect), 1.0);
  EXPECT_DOUBLE_EQ(Evaluate("auc", reversed), 0.0);
  EXPECT_DOUBLE_EQ(Evaluate("hr@2", reversed), 0.0);
  EXPECT_DOUBLE_EQ(Evaluate("mrr", reversed), 1.0 / 3.0);
}

TEST(RankingMetrics, AllLabelsEqualMakeEveryOrderIdeal) {
  EXPECT_DOUBLE_EQ(Evaluate("ndcg@2", {{1, 2, 3}, {4, 4, 4}}), 1.0);
  EXPECT_THAT(Evaluate("auc", {{1, 2, 3}, {4, 4, 4}}), IsNan());
}

TEST(RankingMetrics, ListLengthBeyondTheTask) {
  const Task task{{2, 1}, {1, 5}};
  EXPECT_DOUBLE_EQ(Evaluate("p@10", task), 0.1);
  EXPECT_DOUBLE_EQ(Evaluate("r@10", task), 1.0);
  EXPECT_DOUBLE_EQ(Evaluate("hr@10", task), 1.0);
  EXPECT_NEAR(Evaluate("ndcg@10", task), (1 + 31 / std::log2(3.0)) / (31 + 1 / std::log2(3.0)),
              kTolerance);
}

TEST(RankingMetrics, NothingRelevantIsUndefinedNotZero) {
  for (const std::string name : {"p@2", "r@2", "hr@2", "mrr", "auc", "recall", "f1"}) {
    EXPECT_THAT(Evaluate(name, {{5, 1}, {1, 3}}), IsNan()) << name;
  }
  EXPECT_THAT(Evaluate("ndcg@2", {{5, 1}, {0, 0}}), IsNan());
  EXPECT_THAT(Evaluate("ndcg@2", {{5, 1}, {-1, 3}}), IsNan());
}

TEST(ErrorMetrics, MatchTheirDefinitions) {
  const Task task{{1, 4, 2.5}, {2, 4, 5}};
  EXPECT_NEAR(Evaluate("mae", task), (1 + 0 + 2.5) / 3, kTolerance);
  EXPECT_NEAR(Evaluate("rmse", task), std::sqrt((1 + 0 + 6.25) / 3), kTolerance);
}

TEST(ErrorMetrics, ClipPredictionsToTheScaleButRankThemUnclipped) {
  const Task task{{9, 7, -3}, {5, 4, 1}};
  const MetricOptions options{.prediction_min = 1, .prediction_max = 5};
  EXPECT_NEAR(Evaluate("mae", task, options), 1.0 / 3, kTolerance);
  EXPECT_DOUBLE_EQ(Evaluate("ndcg@1", task, options), 1.0);
}

TEST(ThresholdMetrics, MatchTheirDefinitions) {
  const Task task{{4.5, 4.0, 3.9, 1.0, 5.0}, {5, 3, 4, 1, 4}};
  EXPECT_NEAR(Evaluate("precision", task), 2.0 / 3, kTolerance);
  EXPECT_NEAR(Evaluate("recall", task), 2.0 / 3, kTolerance);
  EXPECT_NEAR(Evaluate("f1", task), 2.0 / 3, kTolerance);
  const Task timid{{1, 2, 3}, {5, 4, 1}};
  EXPECT_THAT(Evaluate("precision", timid), IsNan());
  EXPECT_EQ(Evaluate("recall", timid), 0.0);
  EXPECT_EQ(Evaluate("f1", timid), 0.0);
  const MetricOptions half{.relevant_at = 0.5};
  EXPECT_EQ(Evaluate("recall", {{0.7, 0.2}, {1, 1}}, half), 0.5);
}

TEST(EvaluateTask, GivesTheLossThroughAndNothingForAnEmptyTask) {
  const std::vector<Metric> metrics = {ParseMetric("loss"), ParseMetric("mae")};
  const std::vector<double> one = {3.0};
  EXPECT_THAT(EvaluateTask(metrics, one, one, {}, 0.25), ElementsAre(0.25, 0.0));
  EXPECT_THAT(EvaluateTask(metrics, one, one, {}), ElementsAre(IsNan(), 0.0));
  EXPECT_THAT(EvaluateTask(metrics, {}, {}, {}, 0.25), ElementsAre(IsNan(), IsNan()));
}

TEST(EvaluateTask, RefusesPredictionsThatAreNotFinite) {
  for (const double bad : {kUndefined, std::numeric_limits<double>::infinity()}) {
    EXPECT_THROW(Evaluate("mae", {{1, bad}, {1, 2}}), NumericError);
  }
}

TEST(MetricNames, RoundTrip) {
  for (const Metric metric : AllMetrics(7)) EXPECT_EQ(ParseMetric(NameOf(metric)), metric);
  EXPECT_EQ(NameOf(ParseMetric("ndcg@10")), "ndcg@10");
  EXPECT_EQ(AllMetrics(5).size(), 12u);
}

TEST(MetricNames, RefuseWhatIsNotAMetric) {
  for (const std::string bad : {"", "ndcg", "ndcg@", "ndcg@0", "ndcg@-1", "ndcg@x", "ndcg@5 ",
                                "rmse@5", "RMSE", "precision@5", "@5"}) {
    try {
      ParseMetric(bad);
      ADD_FAILURE() << "accepted '" << bad << "'";
    } catch (const ConfigError& error) {
      EXPECT_THAT(error.what(), HasSubstr("'" + bad + "'"));
    }
  }
}

TEST(MetricNames, SayWhichDirectionIsBetterAndWhatNeedsLabelsScale) {
  EXPECT_FALSE(HigherIsBetter(MetricKind::kRmse));
  EXPECT_FALSE(HigherIsBetter(MetricKind::kLoss));
  EXPECT_TRUE(HigherIsBetter(MetricKind::kNdcg));
  EXPECT_TRUE(UsesOrderOnly(MetricKind::kAuc));
  EXPECT_FALSE(UsesOrderOnly(MetricKind::kPrecision));
  // UsesOrderOnly promises that any rising transform of the predictions changes nothing.
  const Task task{{0.1, 0.7, 0.7, 0.3}, {1, 5, 4, 4}}, scaled{{-999, 70, 70, 3}, {1, 5, 4, 4}};
  for (const Metric metric : AllMetrics(2)) {
    if (!UsesOrderOnly(metric.kind)) continue;
    EXPECT_DOUBLE_EQ(Evaluate(NameOf(metric), task), Evaluate(NameOf(metric), scaled));
  }
}

TEST(Ndcg, GainsOfLargeLabelsStayFinite) {
  const Metric ndcg{.kind = MetricKind::kNdcg, .k = 2};
  const auto value = [&](const std::vector<double>& predictions,
                         const std::vector<double>& labels) {
    return EvaluateTask(std::span(&ndcg, 1), predictions, labels, {})[0];
  };
  EXPECT_EQ(value({3, 2, 1}, {5000, 4000, 10}), 1.0);
  EXPECT_NEAR(value({1, 2, 3}, {5000, 4999, 4998}),
              (0.25 + 0.5 / std::log2(3)) / (1 + 0.5 / std::log2(3)), 1e-12);
  EXPECT_NEAR(value({1, 2, 3}, {513, 512, 511}), value({1, 2, 3}, {50, 49, 48}), 1e-12);
}

}  // namespace
}  // namespace hearth
