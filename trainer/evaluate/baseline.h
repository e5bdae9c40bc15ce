#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "trainer/evaluate/training_log.h"

namespace hearth {

/// The support set of a task: the known events of a new user. Items are indexes into
/// Dataset::event_entities().
struct Support {
  std::span<const int64_t> items;
  std::span<const float> labels;
};

/// A classical recommender without meta-learning. It is fitted once on the training part and serves
/// a new user (task) from its support set alone. Deterministic; thread safe after fitting.
class Baseline {
 public:
  virtual ~Baseline() = default;

  virtual std::string_view name() const = 0;
  /// False: scores order the items but are not on the scale of the labels. Then metrics without
  /// UsesOrderOnly say nothing.
  virtual bool predicts_labels() const { return true; }
  /// Returns one finite score per item; higher is better. Items may be unseen in training, and the
  /// support may be empty.
  virtual std::vector<double> Predict(const Support& support,
                                      std::span<const int64_t> items) const = 0;
};

/// Fits every baseline, in the order of reports: global_mean, support_mean, bias, popularity,
/// item_knn, als. If every label of a positive-only log is 1, global_mean, support_mean and bias
/// score every item alike (chance level). In a positive-only log als fits the implicit form of
/// AlsModel; item_knn sums cosines there and where labels are 0 and 1. Neither predicts labels
/// then.
std::vector<std::unique_ptr<Baseline>> FitBaselines(const TrainingLog& log, uint64_t seed);

}  // namespace hearth
