#include "trainer/loop/validation.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/trainer/support/training.h"

namespace hearth {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class ValidationTest : public ::testing::Test {
 protected:
  // Validates `step` with this value of the metric.
  void Run(int64_t step, double value) {
    counters_.step = step;
    next_.value = value;
    validation_.Run();
  }

  ValidationTest() {
    next_.metric = "rmse";
    next_.task_count = 8;
  }
  ValidationResult next_;
  TrainState counters_;
  RecordingObserver observer_;
  Validation validation_{[this] { return next_; }, counters_, observer_};
};

TEST_F(ValidationTest, LowestErrorIsTheBest) {
  Run(10, 0.9);
  EXPECT_EQ(counters_.best_step, 10) << "the first";
  Run(20, 0.8);
  EXPECT_EQ(counters_.best_step, 20);
  Run(30, 0.8);
  Run(40, 0.85);
  EXPECT_EQ(counters_.best_step, 20) << "as good is not better";
  EXPECT_EQ(counters_.best_metric, 0.8);
  EXPECT_EQ(counters_.evaluations_without_improvement, 2);
  Run(50, 0.1);
  EXPECT_EQ(counters_.evaluations_without_improvement, 0);
  ASSERT_THAT(observer_.evaluations, SizeIs(5));
  EXPECT_EQ(observer_.evaluations[3].step, 40);
}

TEST_F(ValidationTest, HighestRankingIsTheBest) {
  next_.metric = "ndcg@10";
  Run(10, 0.2);
  Run(20, 0.3);
  Run(30, 0.1);
  EXPECT_EQ(counters_.best_step, 20);
  EXPECT_EQ(counters_.best_metric, 0.3);
}

TEST_F(ValidationTest, AnUndefinedMetricIsNeverTheBestAndNotCounted) {
  const double undefined = std::nan("");
  Run(10, undefined);
  EXPECT_EQ(counters_.best_step, -1);
  EXPECT_EQ(counters_.evaluations_without_improvement, 0);
  EXPECT_FALSE(validation_.MetricOf(10).has_value());
  EXPECT_THAT(observer_.evaluations, SizeIs(1));
  Run(20, 0.7);
  Run(30, undefined);
  EXPECT_EQ(counters_.best_step, 20);
  EXPECT_EQ(counters_.best_metric, 0.7);
  EXPECT_EQ(counters_.evaluations_without_improvement, 0);
  EXPECT_TRUE(validation_.Has(30)) << "it was validated all the same";
}

TEST_F(ValidationTest, BestOfAResumedRunStands) {
  counters_.best_step = 5;
  counters_.best_metric = 0.5;
  Run(10, 0.6);
  EXPECT_EQ(counters_.best_step, 5);
  EXPECT_EQ(counters_.evaluations_without_improvement, 1);
}

TEST_F(ValidationTest, KnowsTheMetricOfTheNewestStepAlone) {
  EXPECT_FALSE(validation_.Has(0));
  EXPECT_FALSE(validation_.MetricOf(0).has_value());
  Run(10, 0.9);
  EXPECT_TRUE(validation_.Has(10));
  ASSERT_TRUE(validation_.MetricOf(10).has_value());
  EXPECT_EQ(validation_.MetricOf(10)->name, "rmse");
  EXPECT_EQ(validation_.MetricOf(10)->value, 0.9);
  Run(20, 0.8);
  EXPECT_FALSE(validation_.Has(10));
  EXPECT_FALSE(validation_.MetricOf(10).has_value());
}

TEST_F(ValidationTest, NobodyHearsOfDataWithoutAValidationPart) {
  next_.task_count = 0;
  Run(10, 0.0);
  EXPECT_TRUE(validation_.Has(10)) << "it is not tried again";
  EXPECT_EQ(counters_.best_step, -1);
  EXPECT_TRUE(std::isnan(counters_.best_metric));
  EXPECT_EQ(counters_.evaluations_without_improvement, 0);
  EXPECT_THAT(observer_.evaluations, IsEmpty());
}

}  // namespace
}  // namespace hearth
