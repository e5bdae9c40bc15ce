#pragma once

#include <cstdint>
#include <future>
#include <optional>

#include "sampler/meta_batch_builder.h"

namespace hearth {

/// Gives the meta-batches of training, step after step, without end. An epoch uses every eligible
/// task once. Each meta-batch is a pure function of (seed, step): any number of ranks gets the same
/// chunks, each chunk on one rank. A thread builds the next meta-batch while the caller works on
/// the present one.
/// Not thread safe.
class MetaBatchLoader {
 public:
  /// Starts before step 0. `dataset` must outlive this object. Throws DataError when no task of the
  /// part has enough events, ConfigError when the data lacks what the options ask for.
  MetaBatchLoader(const Dataset& dataset, Part part, const TaskOptions& options, uint64_t seed,
                  RankPlace place = {});
  MetaBatchLoader(const MetaBatchLoader&) = delete;
  MetaBatchLoader& operator=(const MetaBatchLoader&) = delete;

  /// Returns this rank's chunks of the next step; there may be none. Valid until the next call.
  /// An error of building the meta-batch is thrown here, and the next call tries the same step
  /// again.
  const MetaBatch& Next();

  /// Waits for the meta-batch that the next call of Next() gives. Valid until that call.
  const MetaBatch& Peek();

  /// Lets the next call of Next() give this step. The cost does not depend on the step.
  void SeekToStep(int64_t step);

  /// Counts the steps that use every eligible task once; the last one may be smaller.
  int64_t steps_per_epoch() const { return builder_.steps_per_epoch(); }
  /// Count the tasks of the part, and its tasks with enough events; the others are left out.
  int64_t task_count() const { return builder_.tasks().task_count(); }
  int64_t eligible_task_count() const { return builder_.tasks().eligible_task_count(); }

 private:
  // One thread at a time uses the builder: the prefetching thread while `next_` is valid.
  MetaBatchBuilder builder_;
  int64_t next_step_ = 0;
  MetaBatch current_;
  std::optional<MetaBatch> peeked_;  // follows current_; set once it was asked for
  std::future<MetaBatch> next_;      // last member: its destructor waits for the thread
};

}  // namespace hearth
