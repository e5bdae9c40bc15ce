#pragma once

#include "trainer/model/two_towers.h"

namespace hearth {

/// Matrix factorisation from features with an adaptable user vector:
///
///   y = offset + b_i + q_i . (p_u + w) + c
///
/// q_i [dim] and b_i are sums over the item's fields F y; F y has width dim + 1, and its last
/// number is the bias. p_u [dim] is the sum over the user's fields E x. w [dim] and c are the head,
/// and every task adapts the head. A task's p_u + w is its user vector, c is its bias. Without user
/// fields p_u is zero; w is then the start vector of all users, so items still differ.
class EmbeddingDot : public TwoTowers {
 public:
  EmbeddingDot(const ModelOptions& options, const InputSchema& schema, double output_offset,
               ParameterLayout& layout);

  HeadRows MakeHeadRows(const EncodedRows& rows) const override;

 private:
  int64_t dim_;
};

}  // namespace hearth
