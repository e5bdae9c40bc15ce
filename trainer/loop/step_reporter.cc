#include "trainer/loop/step_reporter.h"

namespace hearth {

void StepReporter::OnStep(const StepReport& report) {
  observer_.OnStep(report);
  if (const auto balance = balance_.OnStep(report.load_sec, report.times)) {
    observer_.OnBalance(*balance);
  }
  if (const auto spike = loss_watch_.Add(report.result.loss)) {
    observer_.OnLossSpike(report.step, *spike);
  }
}

}  // namespace hearth
