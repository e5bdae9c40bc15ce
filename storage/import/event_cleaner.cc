#include "storage/import/event_cleaner.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "common/error.h"

namespace hearth {
namespace {

bool SamePair(const EventRecord& a, const EventRecord& b) {
  return a.user == b.user && a.item == b.item && a.subject == b.subject;
}

/// One event for `count` >= 2 events of the same pair, ordered by time and row.
EventRecord Merge(DuplicateRule rule, const EventRecord* group, int64_t count) {
  if (rule == DuplicateRule::kFirst) return group[0];
  EventRecord kept = group[count - 1];
  if (rule == DuplicateRule::kMean) {
    double sum = 0;
    for (int64_t i = 0; i < count; ++i) sum += static_cast<double>(group[i].label);
    kept.label = static_cast<float>(sum / static_cast<double>(count));
  }
  return kept;
}

void MergePairs(DuplicateRule rule, const std::string& log, const Vocabulary& users,
                const Vocabulary& items, std::vector<EventRecord>* events) {
  std::sort(events->begin(), events->end(), [](const EventRecord& a, const EventRecord& b) {
    return std::tie(a.user, a.item, a.subject, a.time, a.row) <
           std::tie(b.user, b.item, b.subject, b.time, b.row);
  });
  size_t kept = 0;
  for (size_t begin = 0; begin < events->size();) {
    size_t end = begin + 1;
    while (end < events->size() && SamePair((*events)[begin], (*events)[end])) ++end;
    const EventRecord* group = &(*events)[begin];
    if (end - begin > 1 && rule == DuplicateRule::kRefuse) {
      throw DataError(
          "user '{}' and item '{}' occur together {} times (events {} and {} of {}); choose which "
          "to "
          "keep with --duplicates last, first, mean or keep",
          users[group->user], items[group->item], end - begin, group[0].row + 1, group[1].row + 1,
          log);
    }
    (*events)[kept++] =
        end - begin == 1 ? *group : Merge(rule, group, static_cast<int64_t>(end - begin));
    begin = end;
  }
  events->resize(kept);
}

}  // namespace

void LabelStatistics::Add(float label) {
  min_ = count_ == 0 ? label : std::min(min_, label);
  max_ = count_ == 0 ? label : std::max(max_, label);
  ++count_;
  const double difference = static_cast<double>(label) - mean_;
  mean_ += difference / static_cast<double>(count_);
  squares_ += difference * (static_cast<double>(label) - mean_);
}

double LabelStatistics::standard_deviation() const {
  return count_ == 0 ? 0.0 : std::sqrt(squares_ / static_cast<double>(count_));
}

int64_t MergeDuplicates(DuplicateRule rule, bool by_item, const std::string& log,
                        const Vocabulary& users, const Vocabulary& items,
                        std::vector<EventRecord>* events) {
  const auto count = static_cast<int64_t>(events->size());
  if (rule != DuplicateRule::kKeep) MergePairs(rule, log, users, items, events);
  std::sort(events->begin(), events->end(), [by_item](const EventRecord& a, const EventRecord& b) {
    return std::tie(by_item ? a.item : a.user, a.time, a.row) <
           std::tie(by_item ? b.item : b.user, b.time, b.row);
  });
  return count - static_cast<int64_t>(events->size());
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
    offset_ = static_cast<double>(statistics.min());
    scale_ = static_cast<double>(statistics.max()) - offset_;
  } else if (transform_ == LabelTransform::kZScore) {
    offset_ = statistics.mean();
    scale_ = statistics.standard_deviation();
  }
}

float LabelTransformer::operator()(float label) const {
  if (transform_ == LabelTransform::kRaw) return label;
  const auto value = static_cast<double>(label);
  if (transform_ == LabelTransform::kThreshold) return value >= threshold_ ? 1.0F : 0.0F;
  return static_cast<float>((value - offset_) / scale_);
}

}  // namespace hearth
