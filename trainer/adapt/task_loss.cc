#include "trainer/adapt/task_loss.h"

#include <algorithm>
#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/softplus.h>

#include "common/error.h"

namespace hearth {
namespace {

at::Tensor RowLosses(MetaOptions::Loss loss, const RowScores& scores, const at::Tensor& labels) {
  const at::Tensor& score = scores.rows;
  switch (loss) {
    case MetaOptions::Loss::kMse: {
      const at::Tensor difference = score - labels;
      return difference * difference;
    }
    case MetaOptions::Loss::kBce:
      return at::softplus(score) - score * labels;
    case MetaOptions::Loss::kBpr:
      break;
  }
  HEARTH_CHECK(scores.negatives.defined(), "bpr without negatives");
  const int64_t per_row = scores.negatives.size(1) / score.size(1);
  const at::Tensor negative = scores.negatives.view({score.size(0), score.size(1), per_row});
  return at::softplus(negative - score.unsqueeze(2)).mean(2);
}

}  // namespace

at::Tensor TaskLosses(MetaOptions::Loss loss, const RowScores& scores, const LabelledRows& rows) {
  return (RowLosses(loss, scores, rows.labels) * rows.mask).sum(1) * rows.inverse_count;
}

at::Tensor PredictionOf(MetaOptions::Loss loss, const at::Tensor& score) {
  return loss == MetaOptions::Loss::kBce ? at::sigmoid(score) : score;
}

double OutputOffset(MetaOptions::Loss loss, double label_mean) {
  if (loss == MetaOptions::Loss::kMse) return label_mean;
  if (loss == MetaOptions::Loss::kBpr) return 0.0;
  const double mean = std::clamp(label_mean, 0.01, 0.99);
  return std::log(mean / (1.0 - mean));
}

}  // namespace hearth
