#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace hearth {

/// A mean over tasks with its 95 % interval.
struct MeanInterval {
  double mean = 0.0, low = 0.0, high = 0.0;
  int64_t task_count = 0;  ///< tasks that define the value; 0: the other members are void
};

/// Means of several per-task series over the same tasks, each with a percentile bootstrap interval
/// over tasks. Undefined (NaN) values are left out of the means and of the resampled means.
/// All series share the resamples, which are a pure function of (seed, number of tasks).
/// series     [series][task], all of equal length.
/// resamples  >= 1; 1000 is usual.
/// Source: Efron & Tibshirani 1993, chapter 13.
std::vector<MeanInterval> BootstrapMeans(std::span<const std::vector<double>> series,
                                         int64_t resamples, uint64_t seed);

}  // namespace hearth
