#include "storage/shard/describe.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

namespace hearth {
namespace {

constexpr size_t kMaxDistinctLabels = 20;
constexpr int kBinCount = 10;

Quantiles QuantilesOf(std::vector<int64_t> counts) {
  if (counts.empty()) return {};
  std::sort(counts.begin(), counts.end());
  const auto nearest_rank = [&](int64_t percent) {
    const int64_t rank = (percent * std::ssize(counts) + 99) / 100;
    return counts[std::max<int64_t>(rank, 1) - 1];
  };
  return {counts.front(), nearest_rank(50), nearest_rank(95), counts.back()};
}

SideSummary Summarize(const EntityTable& table, const std::vector<int64_t>& event_counts) {
  SideSummary side;
  side.count = table.size();
  side.features = DescribeFeatures(table);
  side.events_per_entity = QuantilesOf(event_counts);
  for (size_t i = 0; i < kColdLimits.size(); ++i) {
    side.cold_count[i] = std::count_if(event_counts.begin(), event_counts.end(),
                                       [&](int64_t count) { return count < kColdLimits[i]; });
  }
  return side;
}

int64_t CoveredBy(const FeatureColumn& feature, int64_t count) {
  int64_t covered = 0;
  for (int64_t i = 0; i < count; ++i) {
    const auto [begin, end] = feature.CategoriesOf(i);
    if (feature.vocabulary.empty()) {
      covered += std::isfinite(feature.numbers[i * feature.width]);
    } else {
      covered += std::any_of(begin, end, [](int32_t category) { return category != 0; });
    }
  }
  return covered;
}

/// Counts labels in equal bins, and by value as long as there are few values.
class LabelCounter {
 public:
  LabelCounter(float min, float max) : min_(min), max_(max), bins_(kBinCount) {}

  void Add(float label) {
    if (!std::isfinite(label)) return;  // ValidateDataset reports it
    sum_ += label;
    ++count_;
    if (by_value_.size() <= kMaxDistinctLabels) ++by_value_[label];
    const double bin = std::floor((label - min_) / (max_ - min_) * kBinCount);
    // A range of one value gives NaN. Bins() uses by_value_ then.
    if (bin >= 0) ++bins_[static_cast<size_t>(std::min<double>(bin, kBinCount - 1))];
  }

  double Mean() const { return count_ == 0 ? 0 : sum_ / static_cast<double>(count_); }

  std::vector<LabelBin> Bins() const {
    std::vector<LabelBin> result;
    if (by_value_.size() <= kMaxDistinctLabels) {
      for (const auto& [value, count] : by_value_) result.push_back({value, value, count});
      return result;
    }
    const auto edge = [&](int bin) {
      return static_cast<float>(min_ + (max_ - min_) * bin / kBinCount);
    };
    for (int bin = 0; bin < kBinCount; ++bin) {
      result.push_back({edge(bin), edge(bin + 1), bins_[bin]});
    }
    return result;
  }

 private:
  double min_, max_;
  double sum_ = 0;
  int64_t count_ = 0;
  std::map<float, int64_t> by_value_;
  std::vector<int64_t> bins_;
};

/// True when a task has enough events for an episode of `support` support events and kQueryEvents
/// query events. Events with a given role keep it.
bool GivesEpisode(const TaskView& task, int64_t support) {
  int64_t support_count = task.size();
  int64_t query_count = task.size();
  for (int64_t i = 0; i < std::ssize(task.roles); ++i) {
    if (task.role(i) == EventRole::kQuery) --support_count;
    if (task.role(i) == EventRole::kSupport) --query_count;
  }
  return support_count >= support && query_count >= kQueryEvents &&
         task.size() >= support + kQueryEvents;
}

/// Gathers the numbers that need every event.
struct Totals {
  std::vector<int64_t> by_owner, by_event_entity;
  LabelCounter labels;
  int64_t time_min = std::numeric_limits<int64_t>::max();
  int64_t time_max = std::numeric_limits<int64_t>::min();

  void Add(const TaskView& task) {
    by_owner[task.id] += task.size();
    for (const uint32_t item : task.items) ++by_event_entity[item];
    for (const float label : task.labels) labels.Add(label);
    for (const int64_t time : task.times) {
      time_min = std::min(time_min, time);
      time_max = std::max(time_max, time);
    }
  }
};

PartSummary DescribePart(const Dataset& dataset, Part part, Totals* totals) {
  PartSummary summary;
  summary.part = part;
  std::vector<int64_t> lengths;
  for (const int64_t index : dataset.ShardsOf(part)) {
    const ShardReader& shard = dataset.Shard(index);
    ++summary.shard_count;
    summary.task_count += shard.task_count();
    summary.event_count += shard.event_count();
    for (int64_t row = 0; row < shard.task_count(); ++row) {
      const TaskView task = shard.task(row);
      totals->Add(task);
      lengths.push_back(task.size());
      for (size_t i = 0; i < kShots.size(); ++i) {
        if (GivesEpisode(task, kShots[i])) ++summary.episode_count[i];
      }
    }
  }
  summary.events_per_task = QuantilesOf(std::move(lengths));
  return summary;
}

}  // namespace

std::vector<FeatureSummary> DescribeFeatures(const EntityTable& table) {
  std::vector<FeatureSummary> summaries;
  for (const FeatureColumn& feature : table.features) {
    const bool has_vocabulary = !feature.vocabulary.empty();
    summaries.push_back(
        {.name = feature.name,
         .kind = feature.kind,
         .size = has_vocabulary ? std::ssize(feature.vocabulary) - 1 : feature.width,
         .covered = CoveredBy(feature, table.size()),
         .count = table.size()});
  }
  return summaries;
}

DatasetSummary DescribeDataset(const Dataset& dataset) {
  const DatasetManifest& manifest = dataset.manifest();
  Totals totals{std::vector<int64_t>(dataset.task_entities().size()),
                std::vector<int64_t>(dataset.event_entities().size()),
                LabelCounter(manifest.label_min, manifest.label_max)};
  DatasetSummary summary;
  for (const Part part : AllParts()) {
    PartSummary of_part = DescribePart(dataset, part, &totals);
    summary.event_count += of_part.event_count;
    if (of_part.shard_count > 0) summary.parts.push_back(of_part);
  }
  summary.name = manifest.name;
  summary.task_by = manifest.task_by;
  const bool by_item = manifest.task_by == "item";
  std::vector<int64_t>& by_user = by_item ? totals.by_event_entity : totals.by_owner;
  std::vector<int64_t>& by_item_counts = by_item ? totals.by_owner : totals.by_event_entity;
  summary.users = Summarize(dataset.users(), by_user);
  summary.items = Summarize(dataset.items(), by_item_counts);

  const double cells =
      static_cast<double>(summary.users.count) * static_cast<double>(summary.items.count);
  const double events = static_cast<double>(summary.event_count);
  if (cells > 0) summary.sparsity = 1 - events / cells;
  summary.has_time = totals.time_min <= totals.time_max;
  if (summary.has_time) {
    summary.time_min = totals.time_min;
    summary.time_max = totals.time_max;
  }
  summary.label_mean = totals.labels.Mean();
  summary.labels = totals.labels.Bins();

  summary.top_item_count = std::min(summary.items.count, (summary.items.count + 99) / 100);
  std::sort(by_item_counts.begin(), by_item_counts.end(), std::greater<>());
  const int64_t top_events = std::accumulate(
      by_item_counts.begin(), by_item_counts.begin() + summary.top_item_count, int64_t{0});
  if (summary.event_count > 0) summary.top_item_share = static_cast<double>(top_events) / events;
  return summary;
}

}  // namespace hearth
