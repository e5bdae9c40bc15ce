#include "trainer/loop/validation.h"

#include <cmath>
#include <utility>

#include "common/phase.h"
#include "trainer/evaluate/metrics.h"
#include "trainer/tensor/training_phases.h"

namespace hearth {

Validation::Validation(std::function<ValidationResult()> validate, TrainState& counters,
                       TrainObserver& observer)
    : validate_(std::move(validate)), counters_(counters), observer_(observer) {}

void Validation::Run() {
  EnterPhase(kEvaluatePhase);
  newest_ = validate_();
  newest_->step = counters_.step;
  if (newest_->task_count == 0) return;
  if (std::isnan(newest_->value)) {  // undefined: neither better nor worse
    observer_.OnEvaluation(*newest_, /*is_best=*/false);
    return;
  }
  const bool is_best = IsBest();
  if (is_best) {
    counters_.best_metric = newest_->value;
    counters_.best_step = counters_.step;
    counters_.evaluations_without_improvement = 0;
  } else {
    ++counters_.evaluations_without_improvement;
  }
  observer_.OnEvaluation(*newest_, is_best);
}

bool Validation::IsBest() const {
  if (counters_.best_step < 0) return true;
  if (HigherIsBetter(ParseMetric(newest_->metric).kind)) {
    return newest_->value > counters_.best_metric;
  }
  return newest_->value < counters_.best_metric;
}

std::optional<CheckpointMetric> Validation::MetricOf(int64_t step) const {
  if (!Has(step) || std::isnan(newest_->value)) return std::nullopt;
  return CheckpointMetric{newest_->metric, newest_->value};
}

}  // namespace hearth
