#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "sampler/negative_sampler.h"
#include "sampler/task_options.h"
#include "storage/shard/dataset.h"

namespace hearth {

/// What can be drawn as a negative for a task: every item that options.negative_sampling gives a
/// weight, less those the task has an event with, in its own part or in the training part.
/// Positives that are held out for evaluation stay candidates while training, as they are at
/// serving time. Thread safe after construction.
class TaskNegatives {
 public:
  /// Counts the items of the training part once. `dataset` must outlive this object.
  TaskNegatives(const Dataset& dataset, Part part, const TaskOptions& options);

  /// Throws DataError naming the task when it has seen every item. The result must not outlive
  /// this.
  NegativeSampler::Candidates CandidatesFor(const TaskView& task) const;

 private:
  struct Place {
    const ShardReader* shard;
    int64_t task;
  };

  const Dataset& dataset_;
  // Evaluated tasks that also train: where their training events are. Empty for the training part.
  std::unordered_map<int64_t, Place> training_tasks_;
  NegativeSampler sampler_;
};

}  // namespace hearth
