#pragma once

#include "trainer/adapt/meta_options.h"
#include "trainer/model/recommender.h"

namespace hearth {

/// Recommender::MakeInputs of support or query rows.
struct RowInputs {
  at::Tensor rows;       ///< [tasks, rows, c]
  at::Tensor negatives;  ///< [tasks, rows * negatives, c], or undefined
};

/// tasks [tasks, a], items [unique, b]: feature vectors of a chunk.
RowInputs MakeRowInputs(const Recommender& model, const at::Tensor& tasks, const at::Tensor& items,
                        const RowBatch& rows);

/// Loss of each task: the mean over its rows.
///   mse   (y - label)^2
///   bce   binary cross-entropy of the logit y, labels in [0, 1]
///   bpr   -log sigmoid(y - y_negative), mean over the row's negatives (Rendle et al. 2009)
/// inputs: of `rows`. Returns [tasks].
at::Tensor TaskLosses(MetaOptions::Loss loss, const Recommender& model,
                      const ParameterValues& values, const RowInputs& inputs, const RowBatch& rows);

/// What the inner loop descends on: TaskLosses of the support rows, each scaled by n / (n + prior)
/// for a task of n rows (MetaOptions::support_prior). Returns [tasks].
at::Tensor SupportLosses(const MetaOptions& options, const Recommender& model,
                         const ParameterValues& values, const RowInputs& inputs,
                         const RowBatch& rows);

/// A raw score as people read it: a probability for bce, unchanged otherwise.
at::Tensor PredictionOf(MetaOptions::Loss loss, const at::Tensor& score);

}  // namespace hearth
