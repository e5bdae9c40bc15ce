#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "sampler/meta_batch.h"

namespace hearth {

/// Requests of a rank to the others in an outer step.
struct StepRequests {
  bool stop = false;          ///< end the run after this step
  bool save = false;          ///< begin a checkpoint
  bool still_saving = false;  ///< wait: this rank is busy with the save in flight
};

/// Result of one outer step; the same on every rank that agrees with the others.
struct StepResult {
  double loss = 0.0;               ///< mean query loss after adaptation over the finite tasks
  int64_t task_count = 0;          ///< finite tasks over all ranks
  int64_t skipped_task_count = 0;  ///< tasks left out
  double gradient_norm = 0.0;      ///< of the mean meta-gradient with table rows, unclipped
  double rate_factor = 0.0;        ///< of the schedule of learning rates
  StepRequests requests;           ///< true if any rank asks
  /// The reason why the step was not taken and the parameters are as before; empty when it was
  /// taken.
  std::string skip_reason;
};

/// Seconds of one outer step on this rank, by phase. Phases that communicate include the wait for
/// slower ranks.
struct StepTimes {
  double fetch = 0.0;    ///< rows of sharded tables
  double compute = 0.0;  ///< meta-gradients of the rank's chunks
  double reduce = 0.0;   ///< sums over all ranks
  double update = 0.0;   ///< optimizer steps
};

/// Takes the outer steps of a run: the ranks take them together (OuterLoop), or each rank alone for
/// a while (AloneStepper).
class Stepper {
 public:
  /// Returns the chunks of this rank in the step to come; null on all ranks when there is no such
  /// step.
  using NextMetaBatch = std::function<const MetaBatch*()>;

  virtual ~Stepper() = default;

  /// One outer step. `next` is asked at most once. `requests`: of this rank; the result has
  /// the requests of all ranks when the ranks agree after this step. Collective: all ranks must
  /// call, also with no chunk at all.
  virtual StepResult Step(const MetaBatch& meta_batch, const NextMetaBatch& next,
                          const StepRequests& requests) = 0;

  /// True when after `step` steps all ranks hold the same parameters and know the requests of the
  /// others: the moment for collective work between steps.
  virtual bool RanksAgreeAfter(int64_t step) const = 0;

  /// Times of the newest step.
  virtual const StepTimes& times() const = 0;
};

}  // namespace hearth
