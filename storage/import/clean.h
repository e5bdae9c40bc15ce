#pragma once

#include <cstdint>
#include <string_view>

namespace hearth {

/// The treatment of a (user, item) pair that occurs more than once. Missing labels are filled or
/// dropped before (MissingRule), so a filled label counts like any other. The events of a given
/// split are merged inside train, validation and test only; kRefuse looks at all of them.
enum class DuplicateRule : uint8_t {
  kLast,    ///< keep the latest (by time if the log has times, else by row)
  kFirst,   ///< keep the earliest
  kMean,    ///< keep the latest with the mean of all labels
  kMax,     ///< keep the latest with the largest label
  kSum,     ///< keep the latest with the sum of all labels; DataError if no float holds the sum
  kKeep,    ///< keep all: repeated events mean something in this log
  kRefuse,  ///< DataError naming the pair
};

/// The treatment of an event with an empty label.
enum class MissingRule : uint8_t {
  kRefuse,  ///< treat the row as bad, see BadRowRule
  kDrop,    ///< leave the event out and count it
  kZero,    ///< fill in label 0
  kOne,     ///< fill in label 1
  kMean,    ///< fill in the mean of all labels of the log, before duplicates are merged
};

/// The rewriting of labels, after duplicates are merged. All cleaned events count for min, max,
/// mean and standard deviation.
enum class LabelTransform : uint8_t {
  kRaw,        ///< labels stay unchanged
  kThreshold,  ///< label >= threshold -> 1, else 0
  kMinMax,     ///< (label - min) / (max - min); DataError when all labels are equal
  kZScore,     ///< (label - mean) / standard deviation; DataError when all labels are equal
};

/// The treatment of a row that cannot be an event (or an entity of a side file).
enum class BadRowRule : uint8_t { kRefuse, kSkip };

/// The rule with a name of the command line. These functions throw UsageError with the legal names.
DuplicateRule ParseDuplicateRule(std::string_view name);    // last first mean max sum keep refuse
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
  /// Users and items with fewer events are left out. This repeats until every user and item has
  /// enough events (k-core). Events are counted after duplicates are merged. Both are >= 1.
  int64_t min_user_events = 1;
  int64_t min_item_events = 1;
  BadRowRule on_bad_row = BadRowRule::kRefuse;
  int64_t max_bad = 1000;  ///< kSkip: a conversion with more bad rows throws DataError
};

}  // namespace hearth
