#pragma once

#include "trainer/model/two_towers.h"

namespace hearth {

/// Matrix factorisation from features with an adaptable user vector:
///
///   y = offset + b_i + q_i . (p_u + w) + c
///
/// q_i [dim] and b_i: sums over the item's fields F y (vectors of width dim + 1, the last number is
/// the bias); p_u [dim]: sum over the user's fields E x; w [dim] and c: the head, which every task
/// adapts. A task's p_u + w is its user vector, c its bias.
class EmbeddingDot : public TwoTowers {
 public:
  EmbeddingDot(const ModelOptions& options, const InputSchema& schema, double output_offset,
               ParameterLayout& layout);

  HeadRows MakeHeadRows(const EncodedRows& rows) const override;

 private:
  int64_t dim_;
};

}  // namespace hearth
