#pragma once

#include "trainer/model/field_encoder.h"
#include "trainer/model/recommender.h"
#include "trainer/tensor/task_linear.h"

namespace hearth {

/// Matrix factorisation from features with an adaptable user vector:
///
///   y = offset + b_i + q_i . (p_u + w) + c
///
/// q_i [dim] and b_i: sums over the item's fields F y (rows of width dim + 1, the last is the
/// bias); p_u [dim]: sum over the user's fields E x; w [dim] and c: the head every task adapts. A
/// task's w + p_u is its user vector, c its bias.
class EmbeddingDot : public Recommender {
 public:
  EmbeddingDot(const ModelOptions& options, const EntityFields& task_fields,
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
  const TaskLinear& user_vector() const { return head_layers_.layers.front(); }

  int64_t dim_;
  FieldEncoder task_encoder_;
  FieldEncoder item_encoder_;
  DenseHead head_layers_;
};

}  // namespace hearth
