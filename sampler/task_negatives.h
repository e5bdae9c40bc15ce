#pragma once

#include "sampler/negative_sampler.h"
#include "sampler/seen_items.h"
#include "sampler/task_options.h"
#include "storage/shard/dataset.h"

namespace hearth {

/// Gives the items that can be a negative of a task: every item with a weight under
/// options.negative_sampling, except SeenItems. Thread safe after construction.
class TaskNegatives {
 public:
  /// Counts the items of the training part once. `dataset` must outlive this object.
  TaskNegatives(const Dataset& dataset, Part part, const TaskOptions& options);

  /// Throws DataError naming the task when the task has seen every item. The result must not
  /// outlive this object.
  NegativeSampler::Candidates CandidatesFor(const TaskView& task) const;

 private:
  const Dataset& dataset_;
  SeenItems seen_;
  NegativeSampler sampler_;
};

}  // namespace hearth
