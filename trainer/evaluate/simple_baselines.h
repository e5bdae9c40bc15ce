#pragma once

#include <cstdint>
#include <vector>

#include "trainer/evaluate/baseline.h"

namespace hearth {

/// Scores every item by the mean label of all training events.
class GlobalMean : public Baseline {
 public:
  explicit GlobalMean(const TrainingLog& log) : mean_(log.MeanLabel()) {}

  std::string_view name() const override { return "global_mean"; }
  std::vector<double> Predict(const Support& support,
                              std::span<const int64_t> items) const override;

 private:
  double mean_;
};

/// Scores every item by the mean label of the support set; by the global mean without support.
class SupportMean : public Baseline {
 public:
  explicit SupportMean(const TrainingLog& log) : mean_(log.MeanLabel()) {}

  std::string_view name() const override { return "support_mean"; }
  std::vector<double> Predict(const Support& support,
                              std::span<const int64_t> items) const override;

 private:
  double mean_;
};

/// Scores an item by its number of training events. The scores order items and predict no labels.
class Popularity : public Baseline {
 public:
  explicit Popularity(const TrainingLog& log);

  std::string_view name() const override { return "popularity"; }
  bool predicts_labels() const override { return false; }
  std::vector<double> Predict(const Support& support,
                              std::span<const int64_t> items) const override;

 private:
  std::vector<int64_t> counts_;  // [item]
};

}  // namespace hearth
