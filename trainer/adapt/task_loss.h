#pragma once

#include "trainer/adapt/meta_options.h"
#include "trainer/model/encoded_rows.h"

namespace hearth {

/// The raw scores of some rows and of their negatives.
struct RowScores {
  at::Tensor rows;       ///< [tasks, rows]
  at::Tensor negatives;  ///< [tasks, rows * negatives]; may be undefined
};

/// Returns the loss of each task [tasks]: the mean over the losses of its rows.
///   mse   (y - label)^2
///   bce   binary cross-entropy of the logit y, labels in [0, 1]
///   bpr   -log sigmoid(y - y_negative), mean over the row's negatives (Rendle et al. 2009)
/// scores: the scores of `rows`.
at::Tensor TaskLosses(MetaOptions::Loss loss, const RowScores& scores, const LabelledRows& rows);

/// Turns a raw score into the number that people read: a probability for bce, else the score
/// itself.
at::Tensor PredictionOf(MetaOptions::Loss loss, const at::Tensor& score);

/// The number added to every score, so training starts at the level of the labels: the mean label
/// for mse, its logit for bce, 0 for bpr.
double OutputOffset(MetaOptions::Loss loss, double label_mean);

}  // namespace hearth
