#include "trainer/loop/alone_stepper.h"

#include <array>
#include <span>
#include <utility>

#include "common/error.h"
#include "trainer/loop/options.h"

namespace hearth {

AloneStepper::AloneStepper(const Options& options, std::unique_ptr<Stepper> own,
                           MetaParameters& parameters, DenseOptimizer& optimizer,
                           Communicator& communicator)
    : options_(options),
      own_(std::move(own)),
      optimizer_(optimizer),
      communicator_(communicator),
      averager_(parameters, optimizer, communicator) {}

bool AloneStepper::RanksAgreeAfter(int64_t step) const {
  return step == options_.max_steps || IsDue(step, options_.local_steps) ||
         IsDue(step, options_.validate_every_steps) || IsDue(step, options_.save_every_steps);
}

StepResult AloneStepper::Step(const MetaBatch& meta_batch, const NextMetaBatch&,
                              const StepRequests& requests) {
  StepResult result = StepAlone(meta_batch);
  const int64_t step = meta_batch.step + 1;
  optimizer_.set_step_count(step);  // a rank without a chunk counts too
  unshared_tasks_ += std::exchange(result.task_count, 0);
  unshared_skipped_tasks_ += std::exchange(result.skipped_task_count, 0);
  if (!RanksAgreeAfter(step)) return result;
  averager_.Average();
  Share(requests, result);
  return result;
}

StepResult AloneStepper::StepAlone(const MetaBatch& meta_batch) {
  if (meta_batch.chunks.empty()) return {};
  MetaBatch own = meta_batch;
  own.global_chunk_count = std::ssize(own.chunks);
  StepResult result = own_->Step(own, [] { return nullptr; }, {});
  if (!result.skip_reason.empty()) throw NumericError(result.skip_reason);
  result.requests = {};
  return result;
}

// Collective.
void AloneStepper::Share(const StepRequests& requests, StepResult& result) {
  std::array<int64_t, 5> sums = {unshared_tasks_, unshared_skipped_tasks_, int64_t{requests.stop},
                                 int64_t{requests.save}, int64_t{requests.still_saving}};
  communicator_.AllReduce(std::span<int64_t>(sums), ReduceOp::kSum);
  result.task_count = sums[0];
  result.skipped_task_count = sums[1];
  result.requests = {.stop = sums[2] > 0, .save = sums[3] > 0, .still_saving = sums[4] > 0};
  unshared_tasks_ = unshared_skipped_tasks_ = 0;
}

}  // namespace hearth
