#include "trainer/model/recommender.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/index_select.h>

#include "common/error.h"
#include "trainer/model/embedding_dot.h"
#include "trainer/model/embedding_mlp.h"

namespace hearth {

at::Tensor Recommender::MakeInputs(const at::Tensor& tasks, const at::Tensor& items) const {
  return at::cat({tasks.unsqueeze(1).expand({-1, items.size(1), -1}), items}, 2);
}

HeadRows Recommender::MakeHeadRows(const at::Tensor&) const {
  HEARTH_CHECK(false, "this model has no dense head");
}

std::unique_ptr<Recommender> MakeRecommender(const ModelOptions& options,
                                             const EntityFields& task_fields,
                                             const EntityFields& item_fields,
                                             double output_offset) {
  if (options.type == ModelOptions::Type::kEmbeddingDot) {
    return std::make_unique<EmbeddingDot>(options, task_fields, item_fields, output_offset);
  }
  return std::make_unique<EmbeddingMlp>(options, task_fields, item_fields, output_offset);
}

at::Tensor GatherRows(const at::Tensor& items, const at::Tensor& entity) {
  return at::index_select(items, 0, entity.reshape({-1}))
      .view({entity.size(0), entity.size(1), items.size(1)});
}

}  // namespace hearth
