#pragma once

#include "trainer/adapt/adaptation.h"

namespace hearth {

/// Joint training: the base model is the answer for every task.
class NoAdaptation : public Adaptation {
 public:
  explicit NoAdaptation(const Model& model) : model_(model) {}

  TaskState Adapt(const ParameterValues&, const EncodedChunk&, Graph) const override { return {}; }
  at::Tensor Score(const ParameterValues& theta, const TaskState&, const ChunkBatch&,
                   const EncodedRows& rows) const override {
    return model_.Score(theta, model_.MakeHeadRows(rows));
  }
  HeadOffer OffersHeadProgram() const override { return {}; }

 private:
  const Model& model_;
};

}  // namespace hearth
