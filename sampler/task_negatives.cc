#include "sampler/task_negatives.h"

#include <algorithm>

#include "common/error.h"

namespace hearth {
namespace {

std::vector<int64_t> WeightsOf(const Dataset& dataset, Part part, NegativeSampling sampling) {
  const auto item_count = dataset.event_entities().size();
  // A cold item is a fair candidate in evaluation. It is an unfair one in training, because it
  // would never be anything but a negative.
  if (sampling == NegativeSampling::kUniform && part != kTrainPart) {
    return std::vector<int64_t>(item_count, 1);
  }
  std::vector<int64_t> counts(item_count);
  for (const int64_t index : dataset.ShardsOf(kTrainPart)) {
    const ShardReader& shard = dataset.Shard(index);
    for (int64_t task = 0; task < shard.task_count(); ++task) {
      for (const uint32_t item : shard.task(task).items) ++counts[item];
    }
  }
  if (sampling == NegativeSampling::kUniform) {
    for (int64_t& count : counts) count = std::min<int64_t>(count, 1);
  }
  return counts;
}

}  // namespace

TaskNegatives::TaskNegatives(const Dataset& dataset, Part part, const TaskOptions& options)
    : dataset_(dataset),
      seen_(dataset, part),
      sampler_(WeightsOf(dataset, part, options.negative_sampling)) {}

NegativeSampler::Candidates TaskNegatives::CandidatesFor(const TaskView& task) const {
  NegativeSampler::Candidates candidates = sampler_.Without(seen_.Of(task));
  if (candidates.weight() == 0) {
    throw DataError(
        "'{}': task '{}' has an event with every item that could be its negative; set "
        "tasks.negatives to 0 or leave this task out",
        dataset_.path(), dataset_.task_entities().ids[task.id]);
  }
  return candidates;
}

}  // namespace hearth
