#pragma once

#include <cstdint>
#include <memory>

#include "cluster/communicator.h"
#include "trainer/loop/replica_averager.h"
#include "trainer/loop/stepper.h"

namespace hearth {

/// Lets each rank step alone, and averages the replicas of all ranks now and then
/// (dist.local_steps). It is for links so slow that an exchange in every outer step costs more than
/// it gives. Losses and norms are the rank's own. Task counts are reported when the ranks agree:
/// summed over all ranks and over all steps since they last agreed.
class AloneStepper : public Stepper {
 public:
  /// Ranks average after every multiple of `local_steps`, after the last step, and before every
  /// validation and periodic save. 0 stands for no validation or no periodic save.
  struct Options {
    int64_t local_steps = 1;
    int64_t max_steps = 1;
    int64_t validate_every_steps = 0;
    int64_t save_every_steps = 0;
  };

  /// `own`: takes the steps of this rank and communicates with nobody. References must outlive this
  /// object.
  AloneStepper(const Options& options, std::unique_ptr<Stepper> own, MetaParameters& parameters,
               DenseOptimizer& optimizer, Communicator& communicator);

  /// Throws NumericError when a step of this rank cannot be taken: ranks that step alone cannot
  /// agree to skip it.
  StepResult Step(const MetaBatch& meta_batch, const NextMetaBatch& next,
                  const StepRequests& requests) override;
  bool RanksAgreeAfter(int64_t step) const override;
  const StepTimes& times() const override { return own_->times(); }

 private:
  StepResult StepAlone(const MetaBatch& meta_batch);
  void Share(const StepRequests& requests, StepResult& result);

  Options options_;
  std::unique_ptr<Stepper> own_;
  DenseOptimizer& optimizer_;
  Communicator& communicator_;
  ReplicaAverager averager_;
  // Tasks of this rank since the ranks last agreed.
  int64_t unshared_tasks_ = 0, unshared_skipped_tasks_ = 0;
};

}  // namespace hearth
