#include "trainer/evaluate/item_knn.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace hearth {
namespace {

// Returns the log with its long tasks cut. `bias`: each label becomes its residual; null: events
// with label 0 are left out.
TrainingLog Prepared(const TrainingLog& log, const BiasModel* bias, int64_t max_task_events) {
  TrainingLog prepared;
  prepared.column_count = log.column_count;
  std::vector<uint32_t> columns;
  std::vector<float> labels;
  for (int64_t row = 0; row < log.row_count(); ++row) {
    const int64_t kept = std::min(std::ssize(log.ColumnsOf(row)), max_task_events);
    const std::span<const uint32_t> all_columns = log.ColumnsOf(row).last(kept);
    const std::span<const float> all_labels = log.LabelsOf(row).last(kept);
    columns.clear();
    labels.clear();
    for (int64_t event = 0; event < kept; ++event) {
      double label = all_labels[event];
      if (bias == nullptr && label == 0.0) continue;
      if (bias != nullptr) {
        label -= bias->mean() + bias->row_biases()[row] + bias->column_bias(all_columns[event]);
      }
      columns.push_back(all_columns[event]);
      labels.push_back(static_cast<float>(label));
    }
    prepared.AddRow(columns, labels);
  }
  return prepared;
}

// Sums over the tasks that hold one given item: for each other item, the products of its labels and
// the number of tasks that hold both.
class CoOccurrence {
 public:
  explicit CoOccurrence(int64_t item_count) : products_(item_count), counts_(item_count) {}

  void Collect(const TrainingLog& by_task, const TrainingLog& by_item, int64_t item) {
    for (const uint32_t other : touched_) {
      products_[other] = 0.0f;
      counts_[other] = 0;
    }
    touched_.clear();
    const std::span<const uint32_t> tasks = by_item.ColumnsOf(item);
    const std::span<const float> labels = by_item.LabelsOf(item);
    for (size_t event = 0; event < tasks.size(); ++event) {
      const std::span<const uint32_t> others = by_task.ColumnsOf(tasks[event]);
      const std::span<const float> other_labels = by_task.LabelsOf(tasks[event]);
      for (size_t i = 0; i < others.size(); ++i) {
        if (counts_[others[i]]++ == 0) touched_.push_back(others[i]);
        products_[others[i]] += labels[event] * other_labels[i];
      }
    }
  }

  const std::vector<uint32_t>& touched() const { return touched_; }
  float product(uint32_t other) const { return products_[other]; }
  int32_t count(uint32_t other) const { return counts_[other]; }

 private:
  std::vector<float> products_;    // [item]
  std::vector<int32_t> counts_;    // [item]
  std::vector<uint32_t> touched_;  // items with a count > 0
};

std::vector<double> Norms(const TrainingLog& by_item) {
  std::vector<double> norms;
  for (int64_t item = 0; item < by_item.row_count(); ++item) {
    double square = 0.0;
    for (const float label : by_item.LabelsOf(item)) square += label * label;
    norms.push_back(std::sqrt(square));
  }
  return norms;
}

}  // namespace

ItemKnn::ItemKnn(const TrainingLog& log, BiasModel bias, const Options& options)
    : options_(options),
      sums_cosines_(log.positive_only || log.is_binary()),
      adds_item_biases_(!log.positive_only),
      bias_(std::move(bias)) {
  const TrainingLog by_task =
      Prepared(log, sums_cosines_ ? nullptr : &bias_, options.max_task_events);
  const TrainingLog by_item = by_task.Transposed();
  const std::vector<double> norms = Norms(by_item);
  CoOccurrence together(log.column_count);
  std::vector<Neighbour> candidates;
  for (int64_t item = 0; item < log.column_count; ++item) {
    together.Collect(by_task, by_item, item);
    candidates.clear();
    for (const uint32_t other : together.touched()) {
      const double scale = norms[item] * norms[other];
      if (other == item || scale <= 0.0) continue;
      const double count = together.count(other);
      const double similarity =
          together.product(other) / scale * count / (count + options.shrinkage);
      candidates.push_back({other, static_cast<float>(similarity)});
    }
    const int64_t kept = std::min(std::ssize(candidates), options.neighbours);
    std::ranges::nth_element(candidates, candidates.begin() + kept,
                             [](const Neighbour& a, const Neighbour& b) {
                               return std::pair(-std::abs(a.similarity), a.item) <
                                      std::pair(-std::abs(b.similarity), b.item);
                             });
    candidates.resize(kept);
    std::ranges::sort(candidates, {}, &Neighbour::item);
    neighbours_.insert(neighbours_.end(), candidates.begin(), candidates.end());
    offsets_.push_back(std::ssize(neighbours_));
  }
}

std::vector<double> ItemKnn::Predict(const Support& support, std::span<const int64_t> items) const {
  const double base = bias_.mean() + bias_.BiasOf(support);
  std::vector<std::pair<uint32_t, double>> known;  // support item, its label or residual
  for (size_t event = 0; event < support.items.size(); ++event) {
    double label = support.labels[event];
    if (!sums_cosines_) label -= base + bias_.column_bias(support.items[event]);
    known.emplace_back(static_cast<uint32_t>(support.items[event]), label);
  }
  std::ranges::sort(known);
  std::vector<double> scores;
  for (const int64_t item : items) {
    double sum = 0.0, weight = options_.damping;
    auto next = known.begin();
    for (int64_t at = offsets_[item]; at < offsets_[item + 1] && next != known.end(); ++at) {
      const Neighbour& neighbour = neighbours_[at];
      next = std::lower_bound(next, known.end(), std::pair(neighbour.item, -HUGE_VAL));
      for (; next != known.end() && next->first == neighbour.item; ++next) {
        sum += neighbour.similarity * next->second;
        weight += std::abs(neighbour.similarity);
      }
    }
    double score = sum;
    if (!sums_cosines_) score = base + sum / weight;
    if (adds_item_biases_) score += bias_.column_bias(item);
    scores.push_back(score);
  }
  return scores;
}

}  // namespace hearth
