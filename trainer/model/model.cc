#include "trainer/model/model.h"

#include <ATen/TensorOperators.h>

#include "common/error.h"
#include "trainer/model/embedding_dot.h"
#include "trainer/model/embedding_mlp.h"

namespace hearth {

HeadRows Model::Features(const ParameterValues& values, const HeadRows& rows,
                         std::vector<LayerTap>* taps) const {
  HeadRows features = rows;
  for (size_t l = 0; l + 1 < head_.layers.size(); ++l) {
    features.x = {
        .x = Activate(head_.activation, head_.layers[l].Forward(values, features.x, taps))};
  }
  return features;
}

at::Tensor Model::Score(const ParameterValues& values, const HeadRows& rows,
                        std::vector<LayerTap>* taps) const {
  const HeadRows features = Features(values, rows, taps);
  const at::Tensor score = last_layer().Forward(values, features.x, taps).squeeze(2);
  if (!features.shift.defined()) return score + head_.output_offset;
  return score + features.shift + head_.output_offset;
}

std::unique_ptr<Model> MakeModel(const ModelOptions& options, const InputSchema& schema,
                                 double output_offset, ParameterLayout& layout) {
  switch (options.type) {
    case ModelOptions::Type::kEmbeddingDot:
      return std::make_unique<EmbeddingDot>(options, schema, output_offset, layout);
    case ModelOptions::Type::kEmbeddingMlp:
      return std::make_unique<EmbeddingMlp>(options, schema, output_offset, layout);
  }
  HEARTH_CHECK(false, "model {}", static_cast<int>(options.type));
}

}  // namespace hearth
