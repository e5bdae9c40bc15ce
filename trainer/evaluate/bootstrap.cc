#include "trainer/evaluate/bootstrap.h"

#include <algorithm>
#include <cmath>

#include "common/error.h"
#include "common/random.h"

namespace hearth {
namespace {

// A series without holes: an undefined value counts as 0 tasks and adds 0.
struct FilledSeries {
  std::vector<double> values;   // [task]
  std::vector<double> defined;  // [task] 1 or 0
};

FilledSeries Fill(const std::vector<double>& series) {
  FilledSeries filled;
  for (const double value : series) {
    const bool is_defined = !std::isnan(value);
    filled.values.push_back(is_defined ? value : 0.0);
    filled.defined.push_back(is_defined);
  }
  return filled;
}

// Returns the number of times that resample `number` draws each task.
std::vector<double> DrawWeights(size_t task_count, int64_t number, uint64_t seed) {
  std::vector<double> weights(task_count, 0.0);
  RandomStream random(seed, Purpose::kBootstrap, number);
  for (size_t draw = 0; draw < task_count; ++draw) weights[random.NextBelow(task_count)] += 1.0;
  return weights;
}

// Returns NaN if no defined task is drawn.
double WeightedMean(const FilledSeries& series, const std::vector<double>& weights) {
  double sum = 0.0, weight = 0.0;
  for (size_t task = 0; task < weights.size(); ++task) {
    sum += weights[task] * series.values[task];
    weight += weights[task] * series.defined[task];
  }
  return sum / weight;
}

// Returns the q-quantile of sorted values, interpolated linearly.
double Quantile(const std::vector<double>& sorted, double q) {
  const double place = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(place);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

}  // namespace

std::vector<MeanInterval> BootstrapMeans(std::span<const std::vector<double>> series,
                                         int64_t resamples, uint64_t seed) {
  HEARTH_CHECK(resamples >= 1);
  std::vector<MeanInterval> intervals(series.size());
  if (series.empty() || series[0].empty()) return intervals;
  const size_t task_count = series[0].size();
  std::vector<FilledSeries> filled;
  for (size_t index = 0; index < series.size(); ++index) {
    HEARTH_CHECK(series[index].size() == task_count);
    filled.push_back(Fill(series[index]));
    const std::vector<double>& defined = filled.back().defined;
    intervals[index].task_count = std::ranges::count(defined, 1.0);
    intervals[index].mean = WeightedMean(filled.back(), std::vector<double>(task_count, 1.0));
  }
  std::vector<std::vector<double>> means(series.size());  // [series][resample]
  for (int64_t number = 0; number < resamples; ++number) {
    const std::vector<double> weights = DrawWeights(task_count, number, seed);
    for (size_t index = 0; index < series.size(); ++index) {
      const double mean = WeightedMean(filled[index], weights);
      if (!std::isnan(mean)) means[index].push_back(mean);
    }
  }
  for (size_t index = 0; index < series.size(); ++index) {
    std::ranges::sort(means[index]);
    intervals[index].low = intervals[index].high = intervals[index].mean;
    if (means[index].empty()) continue;
    intervals[index].low = Quantile(means[index], 0.025);
    intervals[index].high = Quantile(means[index], 0.975);
  }
  return intervals;
}

}  // namespace hearth
