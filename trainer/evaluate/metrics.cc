#include "trainer/evaluate/metrics.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <numeric>

#include <fmt/format.h>

#include "common/error.h"
#include "common/text.h"

namespace hearth {
namespace {

struct KindFacts {
  MetricKind kind;
  std::string_view name;
  bool takes_k;
  bool higher_is_better;
  bool uses_order_only;
};
constexpr std::array<KindFacts, 12> kKinds = {
    {{MetricKind::kMae, "mae", false, false, false},
     {MetricKind::kRmse, "rmse", false, false, false},
     {MetricKind::kAuc, "auc", false, true, true},
     {MetricKind::kPrecision, "precision", false, true, false},
     {MetricKind::kRecall, "recall", false, true, false},
     {MetricKind::kF1, "f1", false, true, false},
     {MetricKind::kNdcg, "ndcg", true, true, true},
     {MetricKind::kPrecisionAt, "p", true, true, true},
     {MetricKind::kRecallAt, "r", true, true, true},
     {MetricKind::kHitRateAt, "hr", true, true, true},
     {MetricKind::kMrr, "mrr", false, true, true},
     {MetricKind::kLoss, "loss", false, false, false}}};

const KindFacts& FactsOf(MetricKind kind) { return kKinds[static_cast<size_t>(kind)]; }

// Rows with equal predictions. They share the ranks begin..end-1 (from 0).
struct TieGroup {
  int64_t begin = 0, end = 0;
  int64_t relevant_count = 0;
  double gain_sum = 0.0;

  int64_t size() const { return end - begin; }
  // The number of the group's ranks before rank k.
  int64_t CountBefore(int64_t k) const { return std::clamp<int64_t>(k - begin, 0, size()); }
};

constexpr double kLargestPlainLabel = 512.0;  // 2^512 is finite, and so is a sum of many

double Share(int64_t count, int64_t whole) {
  return static_cast<double>(count) / static_cast<double>(whole);
}
// 2^label - 1, divided by 2^shift.
double Gain(double label, double shift) { return std::exp2(label - shift) - std::exp2(-shift); }
double Discount(int64_t rank) { return 1.0 / std::log2(static_cast<double>(rank) + 2.0); }

// The tie groups of a task in order of rank; the ranking metrics need nothing else of the
// predictions.
class Ranking {
 public:
  Ranking(std::span<const double> predictions, std::span<const double> labels, double relevant_at)
      : labels_(labels), row_count_(std::ssize(labels)) {
    const double largest = std::ranges::max(labels);
    if (largest > kLargestPlainLabel) shift_ = largest;
    std::vector<size_t> order(labels.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::ranges::stable_sort(order, std::greater<>(), [&](size_t row) { return predictions[row]; });
    for (int64_t rank = 0; rank < row_count_; ++rank) {
      const size_t row = order[rank];
      const bool tied = rank > 0 && predictions[row] == predictions[order[rank - 1]];
      if (!tied) groups_.push_back({.begin = rank});
      TieGroup& group = groups_.back();
      group.end = rank + 1;
      group.relevant_count += labels[row] >= relevant_at;
      group.gain_sum += Gain(labels[row], shift_);
      relevant_count_ += labels[row] >= relevant_at;
    }
  }

  double Auc() const {
    const int64_t other_count = row_count_ - relevant_count_;
    if (relevant_count_ == 0 || other_count == 0) return kUndefined;
    double better = 0.0;
    int64_t others_below = other_count;
    for (const TieGroup& group : groups_) {
      const int64_t others = group.size() - group.relevant_count;
      others_below -= others;
      better += static_cast<double>(group.relevant_count) *
                (static_cast<double>(others_below) + 0.5 * static_cast<double>(others));
    }
    return better / (static_cast<double>(relevant_count_) * static_cast<double>(other_count));
  }

  double Ndcg(int64_t k) const {
    if (std::ranges::min(labels_) < 0.0) return kUndefined;
    std::vector<double> best(labels_.begin(), labels_.end());
    std::ranges::sort(best, std::greater<>());
    double best_dcg = 0.0;
    for (int64_t rank = 0; rank < std::min(k, row_count_); ++rank) {
      best_dcg += Gain(best[rank], shift_) * Discount(rank);
    }
    if (best_dcg <= 0.0) return kUndefined;
    double dcg = 0.0;
    for (const TieGroup& group : groups_) {
      const double mean_gain = group.gain_sum / static_cast<double>(group.size());
      for (int64_t rank = group.begin; rank < std::min(k, group.end); ++rank) {
        dcg += mean_gain * Discount(rank);
      }
    }
    return dcg / best_dcg;
  }

  // The expected number of relevant rows among the first k, divided by `count`.
  double RelevantAmongFirst(int64_t k, int64_t count) const {
    if (relevant_count_ == 0) return kUndefined;
    double found = 0.0;
    for (const TieGroup& group : groups_) {
      found += Share(group.relevant_count * group.CountBefore(k), group.size());
    }
    return found / static_cast<double>(count);
  }

  double HitRate(int64_t k) const {
    if (relevant_count_ == 0) return kUndefined;
    double miss = 1.0;
    for (const TieGroup& group : groups_) {
      // Rows are drawn without replacement; a miss has no relevant row on the group's ranks before
      // k.
      for (int64_t drawn = 0; drawn < group.CountBefore(k); ++drawn) {
        miss *= 1.0 - HitChance(group, drawn);
      }
    }
    return 1.0 - miss;
  }

  double Mrr() const {
    if (relevant_count_ == 0) return kUndefined;
    const auto first = std::ranges::find_if(
        groups_, [](const TieGroup& group) { return group.relevant_count > 0; });
    double expected = 0.0, still_missing = 1.0;
    for (int64_t drawn = 0; still_missing > 0.0; ++drawn) {
      const double hit = HitChance(*first, drawn);
      expected += still_missing * hit / static_cast<double>(first->begin + drawn + 1);
      still_missing *= 1.0 - hit;
    }
    return expected;
  }

  int64_t relevant_count() const { return relevant_count_; }

 private:
  // The chance that the next row of a group is relevant after `drawn` rows that were not relevant.
  static double HitChance(const TieGroup& group, int64_t drawn) {
    return std::min(1.0, Share(group.relevant_count, group.size() - drawn));
  }

  std::span<const double> labels_;
  int64_t row_count_;
  double shift_ = 0.0;  // keeps the gains of large labels finite; their ratios are the same
  int64_t relevant_count_ = 0;
  std::vector<TieGroup> groups_;
};

struct Errors {
  double mean_absolute = 0.0, root_mean_square = 0.0;
};

Errors ErrorsOf(std::span<const double> predictions, std::span<const double> labels,
                const MetricOptions& options) {
  double absolute = 0.0, square = 0.0;
  for (size_t row = 0; row < labels.size(); ++row) {
    const double error =
        std::clamp(predictions[row], options.prediction_min, options.prediction_max) - labels[row];
    absolute += std::abs(error);
    square += error * error;
  }
  const double count = static_cast<double>(labels.size());
  return {absolute / count, std::sqrt(square / count)};
}

struct Classification {
  double precision = 0.0, recall = 0.0, f1 = 0.0;
};

Classification Classify(std::span<const double> predictions, std::span<const double> labels,
                        double threshold) {
  int64_t hits = 0, predicted = 0, relevant = 0;
  for (size_t row = 0; row < labels.size(); ++row) {
    const bool is_relevant = labels[row] >= threshold, is_predicted = predictions[row] >= threshold;
    hits += is_relevant && is_predicted;
    predicted += is_predicted;
    relevant += is_relevant;
  }
  const auto share = [](int64_t count, int64_t whole) {
    return whole == 0 ? kUndefined : Share(count, whole);
  };
  Classification result{share(hits, predicted), share(hits, relevant), kUndefined};
  if (relevant > 0) result.f1 = share(2 * hits, predicted + relevant);
  return result;
}

}  // namespace

std::string NameOf(Metric metric) {
  const KindFacts& facts = FactsOf(metric.kind);
  if (!facts.takes_k) return std::string(facts.name);
  return fmt::format("{}@{}", facts.name, metric.k);
}

Metric ParseMetric(std::string_view name) {
  const size_t at = name.find('@');
  Metric metric;
  for (const KindFacts& facts : kKinds) {
    if (facts.name != name.substr(0, at) || facts.takes_k != (at != std::string_view::npos))
      continue;
    metric.kind = facts.kind;
    if (!facts.takes_k) return metric;
    if (ParseInt64(name.substr(at + 1), &metric.k) && metric.k >= 1) return metric;
  }
  throw ConfigError(
      "unknown metric '{}': give mae, rmse, auc, precision, recall, f1, mrr, loss, or ndcg@K, p@K, "
      "r@K, hr@K with a list length K >= 1",
      name);
}

bool HigherIsBetter(MetricKind kind) { return FactsOf(kind).higher_is_better; }

bool UsesOrderOnly(MetricKind kind) { return FactsOf(kind).uses_order_only; }

std::vector<Metric> AllMetrics(int64_t k) {
  std::vector<Metric> metrics;
  for (const KindFacts& facts : kKinds) metrics.push_back({facts.kind, facts.takes_k ? k : 0});
  return metrics;
}

std::vector<double> EvaluateTask(std::span<const Metric> metrics,
                                 std::span<const double> predictions,
                                 std::span<const double> labels, const MetricOptions& options,
                                 double loss) {
  HEARTH_CHECK(predictions.size() == labels.size(), "{} predictions, {} labels", predictions.size(),
               labels.size());
  std::vector<double> values(metrics.size(), kUndefined);
  if (labels.empty()) return values;
  for (const double prediction : predictions) {
    if (!std::isfinite(prediction))
      throw NumericError(
          "a prediction to evaluate is {}: lower meta.inner_lr, optim.lr or optim.table_lr",
          prediction);
  }
  const Ranking ranking(predictions, labels, options.relevant_at);
  const Errors errors = ErrorsOf(predictions, labels, options);
  const Classification classes = Classify(predictions, labels, options.relevant_at);
  const auto value_of = [&](Metric metric) {
    switch (metric.kind) {
      case MetricKind::kMae:
        return errors.mean_absolute;
      case MetricKind::kRmse:
        return errors.root_mean_square;
      case MetricKind::kAuc:
        return ranking.Auc();
      case MetricKind::kPrecision:
        return classes.precision;
      case MetricKind::kRecall:
        return classes.recall;
      case MetricKind::kF1:
        return classes.f1;
      case MetricKind::kNdcg:
        return ranking.Ndcg(metric.k);
      case MetricKind::kPrecisionAt:
        return ranking.RelevantAmongFirst(metric.k, metric.k);
      case MetricKind::kRecallAt:
        return ranking.RelevantAmongFirst(metric.k, ranking.relevant_count());
      case MetricKind::kHitRateAt:
        return ranking.HitRate(metric.k);
      case MetricKind::kMrr:
        return ranking.Mrr();
      case MetricKind::kLoss:
        return loss;
    }
    return kUndefined;
  };
  std::ranges::transform(metrics, values.begin(), value_of);
  return values;
}

}  // namespace hearth
