#include "trainer/evaluate/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/random.h"

namespace hearth {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

std::vector<double> NormalSample(int64_t count, uint64_t stream) {
  RandomStream random(5, Purpose::kTest, stream);
  std::vector<double> values;
  for (int64_t i = 0; i < count; ++i) values.push_back(3.0 + 2.0 * random.NextNormal());
  return values;
}

MeanInterval Bootstrap(const std::vector<double>& values, uint64_t seed = 1) {
  return BootstrapMeans(std::span(&values, 1), 1000, seed)[0];
}

TEST(BootstrapMeans, IntervalIsAboutTwoStandardErrorsWide) {
  const std::vector<double> values = NormalSample(400, 0);
  const MeanInterval interval = Bootstrap(values);
  EXPECT_NEAR(interval.mean, std::accumulate(values.begin(), values.end(), 0.0) / 400, 1e-12);
  EXPECT_EQ(interval.task_count, 400);
  const double standard_error = 2.0 / std::sqrt(400.0);
  EXPECT_NEAR(interval.mean - interval.low, 1.96 * standard_error, 0.3 * standard_error);
  EXPECT_NEAR(interval.high - interval.mean, 1.96 * standard_error, 0.3 * standard_error);
}

TEST(BootstrapMeans, CoversTheTruthInAbout95PercentOfSamples) {
  int covered = 0;
  constexpr int kSamples = 400;
  for (int sample = 0; sample < kSamples; ++sample) {
    const std::vector<double> values = NormalSample(60, 1 + sample);
    const MeanInterval interval = BootstrapMeans(std::span(&values, 1), 300, 1)[0];
    covered += interval.low <= 3.0 && 3.0 <= interval.high;
  }
  EXPECT_GE(covered, 364);  // 95 % less three standard errors of the count, less bootstrap's bias
  EXPECT_LE(covered, 396);
}

TEST(BootstrapMeans, IsAFunctionOfSeedAndValues) {
  const std::vector<double> values = NormalSample(50, 0);
  EXPECT_EQ(Bootstrap(values, 1).low, Bootstrap(values, 1).low);
  EXPECT_NE(Bootstrap(values, 1).low, Bootstrap(values, 2).low);
}

TEST(BootstrapMeans, SeriesShareResamplesSoAShiftMovesTheWholeInterval) {
  std::vector<std::vector<double>> series = {NormalSample(50, 0), {}};
  for (const double value : series[0]) series[1].push_back(value + 10);
  const std::vector<MeanInterval> intervals = BootstrapMeans(series, 200, 1);
  EXPECT_NEAR(intervals[1].low - intervals[0].low, 10, 1e-9);
  EXPECT_NEAR(intervals[1].high - intervals[0].high, 10, 1e-9);
}

TEST(BootstrapMeans, LeavesUndefinedTasksOut) {
  const MeanInterval interval = Bootstrap({1, kNone, 3, kNone});
  EXPECT_EQ(interval.mean, 2.0);
  EXPECT_EQ(interval.task_count, 2);
  EXPECT_GE(interval.low, 1.0);
  EXPECT_LE(interval.high, 3.0);
}

TEST(BootstrapMeans, OneTaskHasAnIntervalOfOnePoint) {
  const MeanInterval interval = Bootstrap({4.0});
  EXPECT_EQ(interval.low, 4.0);
  EXPECT_EQ(interval.high, 4.0);
}

TEST(BootstrapMeans, NoDefinedTaskIsCountedAsNone) {
  EXPECT_EQ(Bootstrap({kNone, kNone}).task_count, 0);
  EXPECT_EQ(Bootstrap({}).task_count, 0);
}

}  // namespace
}  // namespace hearth
