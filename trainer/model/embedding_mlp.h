#pragma once

#include <vector>

#include "trainer/model/field_encoder.h"
#include "trainer/model/recommender.h"
#include "trainer/tensor/task_linear.h"

namespace hearth {

/// Field embeddings -> dense layers -> one output:
///
///   h_0 = [E x_u, F y_i],  h_{l+1} = act(h_l W_l + b_l),  y = offset + h_L W_L + b_L
///
/// With the default widths and without the item's id this is the model of MeLU (Lee et al. 2019).
class EmbeddingMlp : public Recommender {
 public:
  EmbeddingMlp(const ModelOptions& options, const EntityFields& task_fields,
               const EntityFields& item_fields, double output_offset);

  at::Tensor EncodeTasks(const ParameterValues& values, const ChunkBatch& batch,
                         const std::vector<at::Tensor>& rows) const override;
  at::Tensor EncodeItems(const ParameterValues& values, const ChunkBatch& batch,
                         const std::vector<at::Tensor>& rows) const override;
  at::Tensor Score(const ParameterValues& values, const at::Tensor& inputs) const override;
  EntityEncoders encoders() const override { return {&task_encoder_, &item_encoder_}; }
  const DenseHead* dense_head() const override { return &head_layers_; }
  HeadRows MakeHeadRows(const at::Tensor& inputs) const override;

 private:
  FieldEncoder task_encoder_;
  FieldEncoder item_encoder_;
  DenseHead head_layers_;
};

}  // namespace hearth
