#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hearth {

/// Metrics of one task's query set: n rows with real-valued predictions p and labels y. A row is
/// relevant if y >= MetricOptions::relevant_at. Ranks follow falling p. If predictions are equal, a
/// ranking metric is its expected value over all orders of the equal rows; so a constant prediction
/// scores like chance, for any order of the file.
enum class MetricKind {
  kMae,          ///< mean |p - y|
  kRmse,         ///< root of the mean of (p - y)^2
  kAuc,          ///< P(p relevant > p irrelevant) + half P(equal); needs rows of both kinds
  kPrecision,    ///< share of relevant rows among the rows with p >= relevant_at; needs such a row
  kRecall,       ///< share of the relevant rows with p >= relevant_at; needs a relevant row
  kF1,           ///< harmonic mean of precision and recall, 0 without a hit; needs a relevant row
  kNdcg,         ///< DCG@k / best DCG@k, gain 2^y - 1, discount 1 / log2(rank + 1); needs y >= 0
                 ///< everywhere and > 0 somewhere
  kPrecisionAt,  ///< relevant rows among the first k / k, also if n < k; needs a relevant row
  kRecallAt,     ///< relevant rows among the first k / relevant rows; needs a relevant row
  kHitRateAt,    ///< 1 if one of the first k rows is relevant, else 0; needs a relevant row
  kMrr,          ///< 1 / rank of the first relevant row; needs a relevant row
  kLoss,         ///< the query loss of the model, as given
};

struct Metric {
  MetricKind kind = MetricKind::kRmse;
  int64_t k = 0;  ///< list length of the kinds named "...@k", else 0

  bool operator==(const Metric&) const = default;
};

/// "mae", "rmse", "auc", "precision", "recall", "f1", "ndcg@5", "p@5", "r@5", "hr@5", "mrr",
/// "loss".
std::string NameOf(Metric metric);
/// The inverse of NameOf. Throws ConfigError; the message has the text and the legal names.
Metric ParseMetric(std::string_view name);
bool HigherIsBetter(MetricKind kind);
/// True if a metric depends on the order of the predictions alone; it suits scores of any scale.
bool UsesOrderOnly(MetricKind kind);
/// Every metric, in the order of reports, with list length k.
std::vector<Metric> AllMetrics(int64_t k);

struct MetricOptions {
  double relevant_at = 4.0;  ///< labels from here on are relevant; so are predictions in
                             ///< precision, recall and f1
  /// The scale of the labels: mae and rmse clip the predictions to this range.
  double prediction_min = -std::numeric_limits<double>::infinity();
  double prediction_max = std::numeric_limits<double>::infinity();
};

/// The value of a metric that a task does not define (one class, nothing relevant). Averages leave
/// it out.
inline constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();

/// Returns the values of `metrics` for one task, in their order. `predictions` and `labels` have
/// equal length. `loss` is the value of kLoss. All values are undefined for an empty task. Throws
/// NumericError if a prediction is not finite. Sources: Järvelin & Kekäläinen 2002 (DCG); McSherry
/// & Najork 2008 (ties).
std::vector<double> EvaluateTask(std::span<const Metric> metrics,
                                 std::span<const double> predictions,
                                 std::span<const double> labels, const MetricOptions& options,
                                 double loss = kUndefined);

}  // namespace hearth
