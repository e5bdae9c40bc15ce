#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "storage/shard/dataset.h"

namespace hearth {

/// The items that a task has an event with, in its own part or in the training part. Events held
/// out for evaluation do not count in training, because they are unknown at serving time. Thread
/// safe after construction.
class SeenItems {
 public:
  /// Looks up the training tasks, unless `part` is the training part. `dataset` must outlive this
  /// object.
  SeenItems(const Dataset& dataset, Part part);

  /// The items of a task of the part. An item may come twice.
  std::vector<int64_t> Of(const TaskView& task) const;

 private:
  struct Place {
    const ShardReader* shard;
    int64_t task;
  };

  // [task id] the training events of evaluated tasks that also train. Empty for the training part.
  std::unordered_map<int64_t, Place> training_tasks_;
};

}  // namespace hearth
