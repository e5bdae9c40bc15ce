#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "storage/checkpoint/manifest.h"
#include "trainer/evaluate/evaluation.h"
#include "trainer/loop/train_observer.h"
#include "trainer/state/train_state.h"

namespace hearth {

/// Validates a run between outer steps and keeps the best step in its TrainState.
class Validation {
 public:
  /// `validate`: computes the result for the current parameters (Evaluator::Validate); collective.
  /// References must outlive this object.
  Validation(std::function<ValidationResult()> validate, TrainState& counters,
             TrainObserver& observer);

  /// Validates the step of the counters. If the data has no validation part, the counters stay as
  /// they are and the observer is not called; if no task defines the metric, they stay too, so that
  /// the step is not the best and patience does not count it. Collective: all ranks must call.
  void Run();

  /// True when this step was the newest to be validated.
  bool Has(int64_t step) const { return newest_ && newest_->step == step; }
  /// The metric of this step; nothing unless it was the newest to be validated and defined.
  std::optional<CheckpointMetric> MetricOf(int64_t step) const;

 private:
  bool IsBest() const;

  std::function<ValidationResult()> validate_;
  TrainState& counters_;
  TrainObserver& observer_;
  std::optional<ValidationResult> newest_;
};

}  // namespace hearth
