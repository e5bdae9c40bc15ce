#include "trainer/evaluate/simple_baselines.h"

#include <numeric>

namespace hearth {

std::vector<double> GlobalMean::Predict(const Support& /*support*/,
                                        std::span<const int64_t> items) const {
  return std::vector<double>(items.size(), mean_);
}

std::vector<double> SupportMean::Predict(const Support& support,
                                         std::span<const int64_t> items) const {
  if (support.labels.empty()) return std::vector<double>(items.size(), mean_);
  const double sum = std::accumulate(support.labels.begin(), support.labels.end(), 0.0);
  return std::vector<double>(items.size(), sum / static_cast<double>(support.labels.size()));
}

Popularity::Popularity(const TrainingLog& log) : counts_(log.column_count, 0) {
  for (const uint32_t item : log.columns) ++counts_[item];
}

std::vector<double> Popularity::Predict(const Support& /*support*/,
                                        std::span<const int64_t> items) const {
  std::vector<double> scores;
  for (const int64_t item : items) scores.push_back(static_cast<double>(counts_[item]));
  return scores;
}

}  // namespace hearth
