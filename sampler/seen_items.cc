#include "sampler/seen_items.h"

namespace hearth {

SeenItems::SeenItems(const Dataset& dataset, Part part) {
  for (const Part other : AllParts()) {
    if (other == part || other.split > part.split) continue;
    for (const int64_t index : dataset.ShardsOf(other)) {
      const ShardReader& shard = dataset.Shard(index);
      for (int64_t task = 0; task < shard.task_count(); ++task) {
        elsewhere_[shard.task(task).id].push_back({&shard, task});
      }
    }
  }
}

std::vector<int64_t> SeenItems::Of(const TaskView& task) const {
  std::vector<int64_t> seen = Elsewhere(task);
  seen.insert(seen.end(), task.items.begin(), task.items.end());
  return seen;
}

std::vector<int64_t> SeenItems::Elsewhere(const TaskView& task) const {
  std::vector<int64_t> seen;
  const auto found = elsewhere_.find(task.id);
  if (found == elsewhere_.end()) return seen;
  for (const Place& place : found->second) {
    const TaskView other = place.shard->task(place.task);
    seen.insert(seen.end(), other.items.begin(), other.items.end());
  }
  return seen;
}

}  // namespace hearth
