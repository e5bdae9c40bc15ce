#pragma once

#include "trainer/model/two_towers.h"

namespace hearth {

/// Field embeddings -> dense layers -> one output:
///
///   h_0 = [E x_u, F y_i],  h_{l+1} = act(h_l W_l + b_l),  y = offset + h_L W_L + b_L
///
/// This is the model of MeLU (Lee et al. 2019) when the widths are the defaults and the item's id
/// is not used.
class EmbeddingMlp : public TwoTowers {
 public:
  EmbeddingMlp(const ModelOptions& options, const InputSchema& schema, double output_offset,
               ParameterLayout& layout);

  HeadRows MakeHeadRows(const EncodedRows& rows) const override;
};

}  // namespace hearth
