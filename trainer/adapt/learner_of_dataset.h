#pragma once

#include "trainer/adapt/learner.h"

namespace hearth {

/// Makes a learner for the training part of a data set, and binds the data set to the learner.
struct LearnerOfDataset {
  LearnerOfDataset(const Dataset& dataset, const LearnerOptions& options, at::TensorOptions tensors)
      : learner(std::make_shared<const InputSchema>(MakeInputSchema(dataset, options.model)),
                options, tensors),
        data(*learner.schema(), dataset, tensors) {}

  Learner learner;
  DataBinding data;
};

}  // namespace hearth
