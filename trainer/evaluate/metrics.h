#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hearth {

/// Metrics of one task's query set; n rows with real-valued predictions p and labels y. A row is
/// relevant when y >= MetricOptions::relevant_at. Ranks are by falling p; where predictions are
/// equal, a ranking metric is its expected value over all orders of the equal rows, so a constant
/// prediction scores what chance scores, whatever the order of the file.
enum class MetricKind {
  kMae,          ///< mean |p - y|
  kRmse,         ///< root of the mean of (p - y)^2
  kAuc,          ///< P(p of a relevant row > p of another) + half P(equal); needs both kinds
  kPrecision,    ///< share of relevant rows among those with p >= relevant_at; needs one of these
  kRecall,       ///< share of the relevant rows with p >= relevant_at; needs a relevant row
  kF1,           ///< harmonic mean of the two; 0 without a hit, needs a relevant row
  kNdcg,         ///< DCG@k / best DCG@k, gain 2^y - 1, discount 1 / log2(rank + 1); needs y >= 0
                 ///< everywhere and > 0 somewhere
  kPrecisionAt,  ///< relevant rows among the first k / k, also when n < k; needs a relevant row
  kRecallAt,     ///< relevant rows among the first k / relevant rows; needs one
  kHitRateAt,    ///< 1 when one of the first k is relevant; needs a relevant row
  kMrr,          ///< 1 / rank of the first relevant row; needs one
  kLoss,         ///< the model's own query loss, as given
};

struct Metric {
  MetricKind kind = MetricKind::kRmse;
  int64_t k = 0;  ///< list length of the kinds named "...@k", else 0

  bool operator==(const Metric&) const = default;
};

/// "mae", "rmse", "auc", "precision", "recall", "f1", "ndcg@5", "p@5", "r@5", "hr@5", "mrr",
/// "loss".
std::string NameOf(Metric metric);
/// Inverse. Throws ConfigError naming the text and the legal names.
Metric ParseMetric(std::string_view name);
bool HigherIsBetter(MetricKind kind);
/// Whether only the order of the predictions matters: such metrics suit scores of any scale.
bool UsesOrderOnly(MetricKind kind);
/// Every metric, in the order of reports, with list length k.
std::vector<Metric> AllMetrics(int64_t k);

struct MetricOptions {
  double relevant_at = 4.0;  ///< labels (and, for precision, recall and f1, predictions) from here
  /// mae and rmse are taken of predictions clipped to this range: the scale of the labels.
  double prediction_min = -std::numeric_limits<double>::infinity();
  double prediction_max = std::numeric_limits<double>::infinity();
};

/// A metric that a task does not define (one class, nothing relevant) is this and is left out of
/// averages.
inline constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();

/// The metrics of one task, in the order asked for. `predictions` and `labels` are of one length.
/// `loss` is the value of kLoss. All are undefined for an empty task.
/// Throws NumericError if a prediction is not finite.
/// Sources: Järvelin & Kekäläinen 2002 (DCG); McSherry & Najork 2008 (ties).
std::vector<double> EvaluateTask(std::span<const Metric> metrics,
                                 std::span<const double> predictions,
                                 std::span<const double> labels, const MetricOptions& options,
                                 double loss = kUndefined);

}  // namespace hearth
