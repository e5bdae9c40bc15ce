#include "sampler/task_negatives.h"

#include <algorithm>

#include "common/error.h"

namespace hearth {
namespace {

std::vector<int64_t> TrainingWeights(const Dataset& dataset, NegativeSampling sampling) {
  std::vector<int64_t> weights(dataset.event_entities().size());
  for (const int64_t index : dataset.ShardsOf(kTrainPart)) {
    const ShardReader& shard = dataset.Shard(index);
    for (int64_t task = 0; task < shard.task_count(); ++task) {
      for (const uint32_t item : shard.task(task).items) ++weights[item];
    }
  }
  for (int64_t& weight : weights) weight = TrainingWeight(sampling, weight);
  return weights;
}

// A cold item is a fair candidate in evaluation.
bool MayBeCold(Part part, NegativeSampling sampling) {
  return sampling == NegativeSampling::kUniform && part != kTrainPart;
}

}  // namespace

int64_t TrainingWeight(NegativeSampling sampling, int64_t event_count) {
  if (sampling == NegativeSampling::kPopularity) return event_count;
  return std::min<int64_t>(event_count, 1);
}

TaskNegatives::TaskNegatives(const Dataset& dataset, Part part, const TaskOptions& options)
    : dataset_(dataset),
      seen_(dataset, part),
      training_sampler_(TrainingWeights(dataset, options.negative_sampling)) {
  if (MayBeCold(part, options.negative_sampling)) {
    any_item_sampler_.emplace(std::vector<int64_t>(dataset.event_entities().size(), 1));
  }
}

NegativeSampler::Candidates TaskNegatives::CandidatesFor(const TaskView& task) const {
  const NegativeSampler& sampler = any_item_sampler_ ? *any_item_sampler_ : training_sampler_;
  return RequireAny(sampler.Without(seen_.Of(task)), task);
}

NegativeSampler::Candidates TaskNegatives::CandidatesForSupport(
    const TaskView& task, std::span<const int64_t> support) const {
  std::vector<int64_t> known = seen_.Elsewhere(task);
  for (const int64_t position : support) known.push_back(task.items[position]);
  return RequireAny(training_sampler_.Without(known), task);
}

NegativeSampler::Candidates TaskNegatives::RequireAny(NegativeSampler::Candidates candidates,
                                                      const TaskView& task) const {
  if (candidates.weight() == 0) {
    throw DataError(
        "'{}': task '{}' has an event with every item that could be its negative; set "
        "tasks.negatives to 0 or leave this task out",
        dataset_.path(), dataset_.task_entities().ids[task.id]);
  }
  return candidates;
}

}  // namespace hearth
