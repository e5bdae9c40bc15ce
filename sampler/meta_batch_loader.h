#pragma once

#include <cstdint>
#include <future>
#include <optional>

#include "sampler/meta_batch_builder.h"

namespace hearth {

/// The meta-batches of training, step after step, for ever: an epoch uses every eligible task once.
/// Each is a pure function of (seed, step); ranks of any number see the same chunks, each chunk on
/// one rank. While the caller works on a meta-batch, a thread builds the next one.
/// Not thread safe.
class MetaBatchLoader {
 public:
  /// Starts before step 0. `dataset` must outlive this object. Throws DataError when no task of the
  /// part has enough events, ConfigError when the data lacks what the options ask for.
  MetaBatchLoader(const Dataset& dataset, Part part, const TaskOptions& options, uint64_t seed,
                  RankPlace place = {});
  MetaBatchLoader(const MetaBatchLoader&) = delete;
  MetaBatchLoader& operator=(const MetaBatchLoader&) = delete;

  /// This rank's part of the next step; it may hold no chunk. Valid until the next call.
  /// Throws what building it threw; the same step is tried again by the next call.
  const MetaBatch& Next();

  /// What the next call of Next() will give; waits for it. Valid until that call.
  const MetaBatch& Peek();

  /// The next call of Next() gives this step. The cost does not depend on the step.
  void SeekToStep(int64_t step);

  /// Steps in which every eligible task is used once; the last one may be smaller.
  int64_t steps_per_epoch() const { return builder_.steps_per_epoch(); }
  /// Tasks of the part, and those of them with enough events; the others are left out.
  int64_t task_count() const { return builder_.tasks().task_count(); }
  int64_t eligible_task_count() const { return builder_.tasks().eligible_task_count(); }

 private:
  // The builder is used by one thread at a time: the prefetching one, while `next_` is valid.
  MetaBatchBuilder builder_;
  int64_t next_step_ = 0;
  MetaBatch current_;
  std::optional<MetaBatch> peeked_;  // the one after current_, once it was asked for
  std::future<MetaBatch> next_;      // last member: its destructor waits for the thread
};

}  // namespace hearth
