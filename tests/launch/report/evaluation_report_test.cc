#include "launch/report/evaluation_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hearth {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

ScenarioResult Example() {
  ScenarioResult result;
  result.scenario = Scenario::kUserCold;
  result.part_task_count = 12;
  result.task_count = 10;
  result.rows = {"adapted", "bias"};
  result.values["adapted"] = {
      {"rmse", {0.9, 0.8, 1.0, 10}}, {"auc", {0.7, 0.6, 0.8, 4}}, {"mrr", {}}};
  result.values["bias"] = {{"rmse", {0.95, 0.9, 1.1, 10}}, {"auc", {}}, {"mrr", {}}};
  result.improvement["bias"] = {{"rmse", {0.05, 0.01, 0.09, 10}}};
  result.shots[5] = {{"rmse", {0.93, 0.9, 0.97, 10}}};
  result.loss_reduction = 0.125;
  return result;
}

TEST(EvaluationJson, IsScenarioRowMetric) {
  const auto json = EvaluationJson({Example()});
  const auto& rmse = json["user_cold"]["adapted"]["rmse"];
  EXPECT_EQ(rmse["mean"], 0.9);
  EXPECT_EQ(rmse["low"], 0.8);
  EXPECT_EQ(rmse["high"], 1.0);
  EXPECT_EQ(rmse["tasks"], 10);
  EXPECT_EQ(json["user_cold"]["improvement_over_bias"]["rmse"]["mean"], 0.05);
  EXPECT_EQ(json["user_cold"]["adapted_shot_5"]["rmse"]["mean"], 0.93);
  EXPECT_EQ(json["user_cold"]["adapted"]["loss_reduction"]["mean"], 0.125);
}

TEST(EvaluationJson, LeavesOutMetricsThatNoTaskDefines) {
  const auto json = EvaluationJson({Example()});
  EXPECT_FALSE(json["user_cold"]["adapted"].contains("mrr"));
  EXPECT_FALSE(json["user_cold"]["bias"].contains("auc"));
}

TEST(EvaluationText, ShowsRowsIntervalsImprovementsAndTruth) {
  DatasetManifest manifest;
  manifest.facts["truth_rmse/test/user_cold"] = 0.71;
  const std::string text = EvaluationText({Example()}, Split::kTest, "rmse", manifest);
  EXPECT_THAT(text, AllOf(HasSubstr("test/user_cold: 10 of 12 tasks"),
                          HasSubstr("0.9000 [0.8000, 1.0000]"), HasSubstr("truth"),
                          HasSubstr("0.7100"), HasSubstr("adaptation lowers the loss by 12.5 %"),
                          HasSubstr("0.0500 [0.0100, 0.0900]")));
}

TEST(EvaluationReport, AScenarioWithoutTasksIsSaid) {
  ScenarioResult nothing;
  nothing.scenario = Scenario::kNonCold;
  nothing.part_task_count = 5;
  nothing.rows = {"adapted", "unadapted"};
  EXPECT_EQ(EvaluationJson({nothing}).dump(), R"({"non_cold":{}})");
  EXPECT_THAT(
      EvaluationText({nothing}, Split::kTest, "rmse", {}),
      AllOf(HasSubstr("test/non_cold: 0 of 5 tasks"), HasSubstr("no task has enough events")));
}

TEST(EvaluationText, AMetricWithoutAColumnIsNamedWithTheReason) {
  DatasetManifest manifest;
  manifest.label_min = 1;
  manifest.label_max = 5;
  EXPECT_THAT(EvaluationText({Example()}, Split::kTest, "rmse", manifest),
              AllOf(HasSubstr("left out, as no task defines them: mae, precision,"),
                    HasSubstr("mrr, loss (see eval.relevant_at)"), Not(HasSubstr("auc,"))));
  manifest.label_max = 1;
  EXPECT_THAT(EvaluationText({Example()}, Split::kTest, "rmse", manifest),
              HasSubstr("every label is 1: no metric tells methods apart"));
  manifest.positive_only = true;
  EXPECT_THAT(EvaluationText({Example()}, Split::kTest, "rmse", manifest),
              AllOf(HasSubstr("ranks its query items among the items without an event"),
                    Not(HasSubstr("relevant_at"))));
}

TEST(EvaluationText, AMetricThatARowLacksIsADash) {
  const std::string text = EvaluationText({Example()}, Split::kTest, "rmse", {});
  EXPECT_THAT(text, HasSubstr("-\n"));
  EXPECT_THAT(text, Not(HasSubstr("truth")));
}

}  // namespace
}  // namespace hearth
