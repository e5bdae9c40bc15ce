#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "storage/import/clean.h"
#include "storage/import/event_record.h"
#include "storage/import/vocabulary.h"

namespace hearth {

/// Count, mean, standard deviation, minimum and maximum of labels. The variance is updated label by
/// label (Welford's method).
class LabelStatistics {
 public:
  void Add(float label);
  int64_t count() const { return count_; }
  double mean() const { return mean_; }
  /// The standard deviation of the population: the divisor is the count.
  double standard_deviation() const;
  float min() const { return min_; }
  float max() const { return max_; }

 private:
  int64_t count_ = 0;
  double mean_ = 0, squared_deviations_ = 0;
  float min_ = 0, max_ = 0;
};

/// Merges events of the same (user, item, subject) and the same split by `rule`. `events` holds all
/// events of some tasks, in any order; on return they are ordered by task, then time, then row.
/// Returns the number of events merged away. Throws DataError (kRefuse, kSum) with the pair and the
/// log's name `log`.
int64_t MergeDuplicates(DuplicateRule rule, bool by_item, const std::string& log,
                        const Vocabulary& users, const Vocabulary& items,
                        std::vector<EventRecord>* events);

/// Rewrites labels by options.label_transform.
class LabelTransformer {
 public:
  /// Throws DataError when the transform needs different labels and all labels are equal.
  LabelTransformer(const CleanOptions& options, const LabelStatistics& statistics);
  float operator()(float label) const;

 private:
  LabelTransform transform_;
  double threshold_, offset_ = 0, scale_ = 1;
};

}  // namespace hearth
