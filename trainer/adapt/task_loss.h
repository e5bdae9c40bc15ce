#pragma once

#include "trainer/adapt/meta_options.h"
#include "trainer/model/encoded_rows.h"

namespace hearth {

/// Raw scores of some rows and of their negatives.
struct RowScores {
  at::Tensor rows;       ///< [tasks, rows]
  at::Tensor negatives;  ///< [tasks, rows * negatives], or undefined
};

/// Loss of each task: the mean over its rows.
///   mse   (y - label)^2
///   bce   binary cross-entropy of the logit y, labels in [0, 1]
///   bpr   -log sigmoid(y - y_negative), mean over the row's negatives (Rendle et al. 2009)
/// scores: of `rows`. Returns [tasks].
at::Tensor TaskLosses(MetaOptions::Loss loss, const RowScores& scores, const LabelledRows& rows);

/// A raw score as people read it: a probability for bce, unchanged otherwise.
at::Tensor PredictionOf(MetaOptions::Loss loss, const at::Tensor& score);

/// Added to every score, so that training starts at the level of the labels: their mean for mse,
/// its logit for bce, 0 for bpr.
double OutputOffset(MetaOptions::Loss loss, double label_mean);

}  // namespace hearth
