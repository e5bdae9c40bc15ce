#include "storage/import/event_cleaner.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <tuple>

#include "common/error.h"

namespace hearth {
namespace {

/// True if two events are duplicates. Events of different splits are none, but for kRefuse.
bool SamePair(DuplicateRule rule, const EventRecord& a, const EventRecord& b) {
  return a.user == b.user && a.item == b.item && a.subject == b.subject &&
         (a.split == b.split || rule == DuplicateRule::kRefuse);
}

/// The event that replaces a group of one or more events of the same pair. The group is ordered by
/// time and row.
EventRecord MergeGroup(DuplicateRule rule, std::span<const EventRecord> group) {
  if (group.size() == 1 || rule == DuplicateRule::kFirst) return group.front();
  EventRecord kept = group.back();
  double sum = 0;
  float largest = kept.label;
  for (const EventRecord& event : group) {
    sum += event.label;
    largest = std::max(largest, event.label);
  }
  if (rule == DuplicateRule::kMean) {
    kept.label = static_cast<float>(sum / static_cast<double>(group.size()));
  } else if (rule == DuplicateRule::kMax) {
    kept.label = largest;
  } else if (rule == DuplicateRule::kSum) {
    kept.label = static_cast<float>(sum);
  }
  return kept;
}

void RequireFinite(const EventRecord& event, const std::string& log, const Vocabulary& users,
                   const Vocabulary& items) {
  if (std::isfinite(event.label)) return;
  throw DataError(
      "the labels of user '{}' and item '{}' in {} have a sum that no float holds; choose "
      "--duplicates max, mean, last or first, or scale the labels",
      users[event.user], items[event.item], log);
}

void MergePairs(DuplicateRule rule, const std::string& log, const Vocabulary& users,
                const Vocabulary& items, std::vector<EventRecord>* events) {
  std::sort(events->begin(), events->end(), [](const EventRecord& a, const EventRecord& b) {
    return std::tie(a.user, a.item, a.subject, a.split, a.time, a.nanoseconds, a.row) <
           std::tie(b.user, b.item, b.subject, b.split, b.time, b.nanoseconds, b.row);
  });
  size_t kept = 0;
  for (size_t begin = 0; begin < events->size();) {
    size_t end = begin + 1;
    while (end < events->size() && SamePair(rule, (*events)[begin], (*events)[end])) ++end;
    const std::span<const EventRecord> group(&(*events)[begin], end - begin);
    if (group.size() > 1 && rule == DuplicateRule::kRefuse) {
      throw DataError(
          "user '{}' and item '{}' occur together {} times (events {} and {} of {}); choose which "
          "to keep with --duplicates last, first, mean, max, sum or keep",
          users[group[0].user], items[group[0].item], group.size(), group[0].row + 1,
          group[1].row + 1, log);
    }
    (*events)[kept] = MergeGroup(rule, group);
    RequireFinite((*events)[kept++], log, users, items);
    begin = end;
  }
  events->resize(kept);
}

}  // namespace

void LabelStatistics::Add(float label) {
  if (count_ == 0) min_ = max_ = label;
  min_ = std::min(min_, label);
  max_ = std::max(max_, label);
  ++count_;
  const double difference = label - mean_;
  mean_ += difference / static_cast<double>(count_);
  squared_deviations_ += difference * (label - mean_);
}

double LabelStatistics::standard_deviation() const {
  if (count_ == 0) return 0.0;
  return std::sqrt(squared_deviations_ / static_cast<double>(count_));
}

int64_t MergeDuplicates(DuplicateRule rule, bool by_item, const std::string& log,
                        const Vocabulary& users, const Vocabulary& items,
                        std::vector<EventRecord>* events) {
  const int64_t count = std::ssize(*events);
  if (rule != DuplicateRule::kKeep) MergePairs(rule, log, users, items, events);
  std::sort(events->begin(), events->end(), [by_item](const EventRecord& a, const EventRecord& b) {
    return std::tuple(a.task(by_item), a.full_time(), a.row) <
           std::tuple(b.task(by_item), b.full_time(), b.row);
  });
  return count - std::ssize(*events);
}

LabelTransformer::LabelTransformer(const CleanOptions& options, const LabelStatistics& statistics)
    : transform_(options.label_transform), threshold_(options.label_threshold) {
  const bool needs_spread =
      transform_ == LabelTransform::kMinMax || transform_ == LabelTransform::kZScore;
  if (needs_spread && statistics.min() == statistics.max()) {
    throw DataError("label transform {}: all {} labels are {}, so there is no spread to scale by",
                    NameOf(transform_), statistics.count(), statistics.min());
  }
  if (transform_ == LabelTransform::kMinMax) {
    offset_ = statistics.min();
    scale_ = statistics.max() - offset_;
  } else if (transform_ == LabelTransform::kZScore) {
    offset_ = statistics.mean();
    scale_ = statistics.standard_deviation();
  }
}

float LabelTransformer::operator()(float label) const {
  if (transform_ == LabelTransform::kRaw) return label;
  if (transform_ == LabelTransform::kThreshold) return label >= threshold_ ? 1.0F : 0.0F;
  return static_cast<float>((label - offset_) / scale_);
}

}  // namespace hearth
