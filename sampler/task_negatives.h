#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "sampler/negative_sampler.h"
#include "sampler/task_options.h"
#include "storage/shard/dataset.h"

namespace hearth {

/// Gives the items that can be a negative of a task: every item with a weight under
/// options.negative_sampling, except items that the task has an event with, in its own part or in
/// the training part. Positives held out for evaluation stay candidates in training, because they
/// are candidates at serving time. Thread safe after construction.
class TaskNegatives {
 public:
  /// Counts the items of the training part once. `dataset` must outlive this object.
  TaskNegatives(const Dataset& dataset, Part part, const TaskOptions& options);

  /// Throws DataError naming the task when the task has seen every item. The result must not
  /// outlive this object.
  NegativeSampler::Candidates CandidatesFor(const TaskView& task) const;

 private:
  struct Place {
    const ShardReader* shard;
    int64_t task;
  };

  const Dataset& dataset_;
  // [task id] the training events of evaluated tasks that also train. Empty for the training part.
  std::unordered_map<int64_t, Place> training_tasks_;
  NegativeSampler sampler_;
};

}  // namespace hearth
