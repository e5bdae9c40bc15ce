#include "trainer/adapt/task_loss.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/softplus.h>

#include "common/error.h"

namespace hearth {
namespace {

at::Tensor RowLosses(MetaOptions::Loss loss, const Recommender& model,
                     const ParameterValues& values, const RowInputs& inputs, const RowBatch& rows) {
  const at::Tensor score = model.Score(values, inputs.rows);
  switch (loss) {
    case MetaOptions::Loss::kMse: {
      const at::Tensor difference = score - rows.labels;
      return difference * difference;
    }
    case MetaOptions::Loss::kBce:
      return at::softplus(score) - score * rows.labels;
    case MetaOptions::Loss::kBpr:
      break;
  }
  HEARTH_CHECK(inputs.negatives.defined(), "bpr without negatives");
  const at::Tensor negative_score =
      model.Score(values, inputs.negatives)
          .view({score.size(0), score.size(1), rows.negatives.size(2)});
  return at::softplus(negative_score - score.unsqueeze(2)).mean(2);
}

}  // namespace

RowInputs MakeRowInputs(const Recommender& model, const at::Tensor& tasks, const at::Tensor& items,
                        const RowBatch& rows) {
  RowInputs inputs{.rows = model.MakeInputs(tasks, GatherRows(items, rows.entity)),
                   .negatives = {}};
  if (rows.negatives.defined()) {
    const at::Tensor negatives = rows.negatives.reshape({rows.negatives.size(0), -1});
    inputs.negatives = model.MakeInputs(tasks, GatherRows(items, negatives));
  }
  return inputs;
}

at::Tensor TaskLosses(MetaOptions::Loss loss, const Recommender& model,
                      const ParameterValues& values, const RowInputs& inputs,
                      const RowBatch& rows) {
  const at::Tensor row_losses = RowLosses(loss, model, values, inputs, rows);
  return (row_losses * rows.mask).sum(1) * rows.inverse_count;
}

at::Tensor SupportLosses(const MetaOptions& options, const Recommender& model,
                         const ParameterValues& values, const RowInputs& inputs,
                         const RowBatch& rows) {
  const at::Tensor losses = TaskLosses(options.loss, model, values, inputs, rows);
  if (options.support_prior == 0.0) return losses;
  return losses / (rows.inverse_count * options.support_prior + 1.0);
}

at::Tensor PredictionOf(MetaOptions::Loss loss, const at::Tensor& score) {
  return loss == MetaOptions::Loss::kBce ? at::sigmoid(score) : score;
}

}  // namespace hearth
