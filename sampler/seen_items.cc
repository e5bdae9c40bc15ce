#include "sampler/seen_items.h"

namespace hearth {

SeenItems::SeenItems(const Dataset& dataset, Part part) {
  if (part == kTrainPart) return;
  for (const int64_t index : dataset.ShardsOf(kTrainPart)) {
    const ShardReader& shard = dataset.Shard(index);
    for (int64_t task = 0; task < shard.task_count(); ++task) {
      training_tasks_.emplace(shard.task(task).id, Place{&shard, task});
    }
  }
}

std::vector<int64_t> SeenItems::Of(const TaskView& task) const {
  std::vector<int64_t> seen(task.items.begin(), task.items.end());
  if (const auto found = training_tasks_.find(task.id); found != training_tasks_.end()) {
    const TaskView training = found->second.shard->task(found->second.task);
    seen.insert(seen.end(), training.items.begin(), training.items.end());
  }
  return seen;
}

}  // namespace hearth
