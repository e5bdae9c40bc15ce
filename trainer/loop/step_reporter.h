#pragma once

#include "cluster/communicator.h"
#include "trainer/loop/balance.h"
#include "trainer/loop/loss_watch.h"
#include "trainer/loop/train_observer.h"

namespace hearth {

/// Reports each outer step to an observer, and warns it of slow ranks and of losses that jump.
class StepReporter {
 public:
  /// `balance_every_steps`: steps between BalanceReports, >= 1. References must outlive this
  /// object.
  StepReporter(int64_t balance_every_steps, Communicator& communicator, TrainObserver& observer)
      : observer_(observer), balance_(balance_every_steps, communicator) {}

  /// Collective: all ranks must call, after every step.
  void OnStep(const StepReport& report);

 private:
  TrainObserver& observer_;
  BalanceWatch balance_;
  LossWatch loss_watch_;
};

}  // namespace hearth
