#include "sampler/part_tasks.h"

#include "common/error.h"

namespace hearth {

PartTasks::PartTasks(const Dataset& dataset, Part part, const TaskOptions& options)
    : sampler_(options) {
  if (options.order == EpisodeOrder::kGiven && !dataset.manifest().has_roles) {
    throw ConfigError(
        "tasks.order is 'given', but the data set '{}' has no support and query roles; set it to "
        "'time' or 'random'",
        dataset.path());
  }
  for (const int64_t index : dataset.ShardsOf(part)) {
    shards_.push_back(&dataset.Shard(index));
    eligible_counts_.push_back(std::ssize(EligibleIn(shard_count() - 1)));
    eligible_task_count_ += eligible_counts_.back();
    task_count_ += shards_.back()->task_count();
  }
}

std::vector<int64_t> PartTasks::EligibleIn(int64_t shard_number) const {
  const ShardReader& reader = shard(shard_number);
  std::vector<int64_t> eligible;
  for (int64_t task = 0; task < reader.task_count(); ++task) {
    if (sampler_.IsEligible(reader.task(task))) eligible.push_back(task);
  }
  return eligible;
}

}  // namespace hearth
