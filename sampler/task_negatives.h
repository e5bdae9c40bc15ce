#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "sampler/negative_sampler.h"
#include "sampler/seen_items.h"
#include "sampler/task_options.h"
#include "storage/shard/dataset.h"

namespace hearth {

/// Gives the items that can be a negative of a task: every item with a weight under
/// options.negative_sampling, except items that the owner of the task has an event with. Thread
/// safe after construction.
class TaskNegatives {
 public:
  /// Counts the items of the training part once. `dataset` must outlive this object.
  TaskNegatives(const Dataset& dataset, Part part, const TaskOptions& options);

  /// The candidates without SeenItems. Throws DataError naming the task when the task has seen
  /// every item. The result must not outlive this object.
  NegativeSampler::Candidates CandidatesFor(const TaskView& task) const;

  /// The candidates for the support rows of an evaluated task: the items of the training part that
  /// nobody knows to be seen when the task is adapted. The events of the owner in other parts and
  /// the support rows, given by their positions in the task, are known; the query rows are what an
  /// evaluation asks for, so a query item can be drawn. Throws as CandidatesFor does.
  NegativeSampler::Candidates CandidatesForSupport(const TaskView& task,
                                                   std::span<const int64_t> support) const;

 private:
  NegativeSampler::Candidates RequireAny(NegativeSampler::Candidates candidates,
                                         const TaskView& task) const;

  const Dataset& dataset_;
  SeenItems seen_;
  NegativeSampler training_sampler_;
  std::optional<NegativeSampler> any_item_sampler_;  // where a cold item may be drawn
};

/// The weight of an item with this many training events. Items without one are never drawn: they
/// would never be anything but a negative.
int64_t TrainingWeight(NegativeSampling sampling, int64_t event_count);

}  // namespace hearth
