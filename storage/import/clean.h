#pragma once

#include <cstdint>
#include <string_view>

namespace hearth {

/// What to do when a (user, item) pair occurs more than once.
enum class DuplicateRule : uint8_t {
  kLast,    ///< keep the latest (by time where the log has times, else by row)
  kFirst,   ///< keep the earliest
  kMean,    ///< keep the latest with the mean of all labels
  kKeep,    ///< keep all: repeated events mean something in this log
  kRefuse,  ///< DataError naming the pair
};

/// What to do with an event whose label is empty.
enum class MissingRule : uint8_t {
  kRefuse,  ///< a bad row, see BadRowRule
  kDrop,    ///< leave the event out, counted
  kZero,    ///< label 0
  kOne,     ///< label 1
  kMean,    ///< the mean of all labels present in the log, before duplicates are merged
};

/// How labels are rewritten, after duplicates are merged. Statistics are of all cleaned events.
enum class LabelTransform : uint8_t {
  kRaw,        ///< as they are
  kThreshold,  ///< label >= threshold -> 1, else 0
  kMinMax,     ///< (label - min) / (max - min); DataError when all labels are equal
  kZScore,     ///< (label - mean) / standard deviation; DataError when all labels are equal
};

/// What to do with a row that cannot be an event (or an entity of a side file).
enum class BadRowRule : uint8_t { kRefuse, kSkip };

/// Inverse of the names used on the command line. Throw UsageError naming the legal names.
DuplicateRule ParseDuplicateRule(std::string_view name);    // last first mean keep refuse
MissingRule ParseMissingRule(std::string_view name);        // refuse drop zero one mean
LabelTransform ParseLabelTransform(std::string_view name);  // raw threshold minmax zscore
BadRowRule ParseBadRowRule(std::string_view name);          // refuse skip
std::string_view NameOf(DuplicateRule rule);
std::string_view NameOf(MissingRule rule);
std::string_view NameOf(LabelTransform transform);
std::string_view NameOf(BadRowRule rule);

struct CleanOptions {
  DuplicateRule duplicates = DuplicateRule::kLast;
  MissingRule missing = MissingRule::kRefuse;
  LabelTransform label_transform = LabelTransform::kRaw;
  double label_threshold = 4.0;  ///< kThreshold only
  /// Users and items with fewer events are left out, again and again until none is left (k-core).
  /// Counted after duplicates are merged. >= 1.
  int64_t min_user_events = 1;
  int64_t min_item_events = 1;
  BadRowRule on_bad_row = BadRowRule::kRefuse;
  int64_t max_bad = 1000;  ///< kSkip: a DataError when more rows than this are bad
};

}  // namespace hearth
