#include "trainer/evaluate/metric_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/random.h"

namespace hearth {
namespace {

using ::testing::ElementsAre;

MetricTable TableOf(const std::vector<std::string>& metrics) {
  std::vector<Metric> parsed;
  for (const std::string& name : metrics) parsed.push_back(ParseMetric(name));
  return MetricTable(parsed, 500, 1);
}

void Add(MetricTable& table, const std::string& row, int64_t task, std::vector<double> values) {
  table.Add(row, task, values);
}

TEST(MetricTable, AveragesDrawsPerTaskBeforeTasks) {
  MetricTable table = TableOf({"rmse"});
  Add(table, "adapted", 7, {1.0});
  Add(table, "adapted", 7, {2.0});
  Add(table, "adapted", 7, {3.0});
  Add(table, "adapted", 8, {6.0});
  const MeanInterval summary = table.Summarize().at("adapted")[0];
  EXPECT_EQ(summary.mean, 4.0);
  EXPECT_EQ(summary.task_count, 2);
}

TEST(MetricTable, CountsOnlyTasksThatDefineAMetric) {
  MetricTable table = TableOf({"rmse", "auc"});
  Add(table, "als", 1, {1.0, kUndefined});
  Add(table, "als", 2, {3.0, 0.5});
  const auto summary = table.Summarize().at("als");
  EXPECT_EQ(summary[0].task_count, 2);
  EXPECT_EQ(summary[1].task_count, 1);
  EXPECT_EQ(summary[1].mean, 0.5);
}

TEST(MetricTable, DoesNotDependOnTheOrderTasksArriveIn) {
  MetricTable forward = TableOf({"mae"}), backward = TableOf({"mae"});
  const auto value = [](int64_t task) { return 1.0 / static_cast<double>(task + 3); };
  for (int64_t task = 0; task < 40; ++task) Add(forward, "als", task, {value(task)});
  for (int64_t task = 40; task-- > 0;) Add(backward, "als", task, {value(task)});
  const MeanInterval a = forward.Summarize().at("als")[0], b = backward.Summarize().at("als")[0];
  EXPECT_EQ(a.mean, b.mean);
  EXPECT_EQ(a.low, b.low);
  EXPECT_EQ(a.high, b.high);
}

TEST(MetricTable, PairedDifferenceSeesWhatUnpairedIntervalsHide) {
  MetricTable table = TableOf({"rmse"});
  RandomStream random(3, Purpose::kTest);
  for (int64_t task = 0; task < 100; ++task) {
    const double difficulty = random.NextNormal();
    Add(table, "adapted", task, {difficulty});
    Add(table, "bias", task, {difficulty + 0.05 + 0.01 * random.NextNormal()});
  }
  const auto summary = table.Summarize();
  EXPECT_LT(summary.at("bias")[0].low, summary.at("adapted")[0].high);
  const MeanInterval difference = table.Difference("bias", "adapted")[0];
  EXPECT_GT(difference.low, 0.0);
  EXPECT_NEAR(difference.mean, 0.05, 0.01);
}

TEST(MetricTable, DifferenceIsOverTasksThatBothRowsDefine) {
  MetricTable table = TableOf({"auc"});
  Add(table, "a", 1, {1.0});
  Add(table, "a", 2, {5.0});
  Add(table, "b", 2, {2.0});
  Add(table, "b", 3, {9.0});
  const MeanInterval difference = table.Difference("a", "b")[0];
  EXPECT_EQ(difference.mean, 3.0);
  EXPECT_EQ(difference.task_count, 1);
}

TEST(MetricTable, KeepsRowsInOrderOfFirstUse) {
  MetricTable table = TableOf({"auc"});
  for (const std::string row : {"unadapted", "adapted", "bias", "adapted"}) {
    Add(table, row, 1, {0.5});
  }
  EXPECT_THAT(table.rows(), ElementsAre("unadapted", "adapted", "bias"));
}

}  // namespace
}  // namespace hearth
