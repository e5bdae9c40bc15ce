#include "trainer/evaluate/metric_table.h"

#include <cmath>
#include <utility>

#include "common/error.h"

namespace hearth {

MetricTable::MetricTable(std::vector<Metric> metrics, int64_t resamples, uint64_t seed)
    : metrics_(std::move(metrics)), resamples_(resamples), seed_(seed) {}

void MetricTable::Add(const std::string& row, int64_t task_id, std::span<const double> values) {
  HEARTH_CHECK(values.size() == metrics_.size());
  if (!values_.contains(row)) rows_.push_back(row);
  std::vector<DrawSum>& draws = values_[row][task_id];
  draws.resize(metrics_.size());
  for (size_t metric = 0; metric < values.size(); ++metric) {
    if (std::isnan(values[metric])) continue;
    draws[metric].sum += values[metric];
    ++draws[metric].count;
  }
  tasks_.insert(task_id);
}

std::vector<double> MetricTable::SeriesOf(const std::string& row, size_t metric) const {
  const TaskValues& values = values_.at(row);
  std::vector<double> series;
  series.reserve(tasks_.size());
  for (const int64_t task_id : tasks_) {
    const auto task = values.find(task_id);
    DrawSum draws;
    if (task != values.end()) draws = task->second[metric];
    series.push_back(draws.count == 0 ? kUndefined : draws.sum / static_cast<double>(draws.count));
  }
  return series;
}

std::map<std::string, std::vector<MeanInterval>> MetricTable::Summarize() const {
  std::vector<std::vector<double>> series;  // [row * metrics + metric]
  for (const std::string& row : rows_) {
    for (size_t metric = 0; metric < metrics_.size(); ++metric) {
      series.push_back(SeriesOf(row, metric));
    }
  }
  const std::vector<MeanInterval> intervals = BootstrapMeans(series, resamples_, seed_);
  std::map<std::string, std::vector<MeanInterval>> summary;
  auto next = intervals.begin();
  for (const std::string& row : rows_) {
    const auto end = next + std::ssize(metrics_);
    summary[row].assign(next, end);
    next = end;
  }
  return summary;
}

std::vector<MeanInterval> MetricTable::Difference(const std::string& row,
                                                  const std::string& other) const {
  std::vector<std::vector<double>> differences;  // [metric][task]
  for (size_t metric = 0; metric < metrics_.size(); ++metric) {
    std::vector<double> series = SeriesOf(row, metric);
    const std::vector<double> subtract = SeriesOf(other, metric);
    for (size_t task = 0; task < series.size(); ++task) series[task] -= subtract[task];
    differences.push_back(std::move(series));
  }
  return BootstrapMeans(differences, resamples_, seed_);
}

}  // namespace hearth
