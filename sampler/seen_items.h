#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "storage/shard/dataset.h"

namespace hearth {

/// The items that the owner of a task has an event with, in the split of its part (all scenarios)
/// or an earlier one: training comes before validation, validation before test. Events of later
/// splits do not count, because they are unknown at that time. Thread safe after construction.
class SeenItems {
 public:
  /// `dataset` must outlive this object.
  SeenItems(const Dataset& dataset, Part part);

  /// The items of a task of the part. An item may come twice.
  std::vector<int64_t> Of(const TaskView& task) const;
  /// The same without the events of the task itself: what is known of its owner beforehand.
  std::vector<int64_t> Elsewhere(const TaskView& task) const;

 private:
  struct Place {
    const ShardReader* shard;
    int64_t task;
  };

  // [task id] the tasks of the same owner in the other parts that count.
  std::unordered_map<int64_t, std::vector<Place>> elsewhere_;
};

}  // namespace hearth
