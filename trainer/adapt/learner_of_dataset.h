#pragma once

#include <concepts>

#include "sampler/task_options.h"
#include "trainer/adapt/learner.h"

namespace hearth {

/// InputSchema::negative_rows of a run with these options.
inline int64_t NegativeRowsOf(const TaskOptions& tasks, MetaOptions::Loss loss) {
  return NegativesAreRows(loss) ? tasks.negatives : 0;
}

/// Makes a learner for the training part of a data set, and binds the data set to the learner.
struct LearnerOfDataset {
  LearnerOfDataset(const Dataset& dataset, const LearnerOptions& options, at::TensorOptions tensors,
                   int64_t negative_rows = 0)
      : learner(std::make_shared<const InputSchema>(
                    MakeInputSchema(dataset, options.model, negative_rows)),
                options, tensors),
        data(*learner.schema(), dataset, tensors) {}

  /// The same for the options of a run, whose tasks say how many rows are sampled.
  template <std::derived_from<LearnerOptions> Options>
  requires requires(const Options& options) { options.tasks; }
  LearnerOfDataset(const Dataset& dataset, const Options& options, at::TensorOptions tensors)
      : LearnerOfDataset(dataset, options, tensors,
                         NegativeRowsOf(options.tasks, options.meta.loss)) {}

  Learner learner;
  DataBinding data;
};

}  // namespace hearth
