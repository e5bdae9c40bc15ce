#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "trainer/evaluate/bootstrap.h"
#include "trainer/evaluate/metrics.h"

namespace hearth {

/// Metric values per task of several report rows (the adapted model, the unadapted model,
/// baselines) on the same tasks, and their averages: per task first, then over tasks. The caller
/// adds the values of all ranks. Results do not depend on the order of the tasks.
class MetricTable {
 public:
  /// resamples: number of bootstrap resamples; seed: the seed of the run.
  MetricTable(std::vector<Metric> metrics, int64_t resamples, uint64_t seed);

  const std::vector<Metric>& metrics() const { return metrics_; }
  /// The rows in order of first use.
  const std::vector<std::string>& rows() const { return rows_; }

  /// `values` [metric] come from EvaluateTask; NaN is undefined. Several draws of one task are
  /// averaged first and count as one task.
  void Add(const std::string& row, int64_t task_id, std::span<const double> values);

  /// Returns [row][metric]. A task_count of 0 means that the row has no value for the metric.
  std::map<std::string, std::vector<MeanInterval>> Summarize() const;

  /// Returns [metric] the mean of (row - other) over the tasks that define the metric for both
  /// rows. Both rows must have been added.
  std::vector<MeanInterval> Difference(const std::string& row, const std::string& other) const;

 private:
  struct DrawSum {
    double sum = 0.0;
    int64_t count = 0;
  };
  using TaskValues = std::map<int64_t, std::vector<DrawSum>>;  // task id -> [metric]

  /// Returns [task] values over all tasks of the table; undefined if the row has no value.
  std::vector<double> SeriesOf(const std::string& row, size_t metric) const;

  std::vector<Metric> metrics_;
  int64_t resamples_;
  uint64_t seed_;
  std::vector<std::string> rows_;
  std::map<std::string, TaskValues> values_;
  std::set<int64_t> tasks_;  // every task id of any row
};

}  // namespace hearth
