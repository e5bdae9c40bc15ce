#pragma once

#include <cstdint>
#include <string>

#include "storage/import/bad_rows.h"
#include "storage/import/clean.h"
#include "storage/import/event_record.h"
#include "storage/import/event_source.h"
#include "storage/import/vocabulary.h"

namespace hearth {

/// The first pass of a conversion: numbers users and items in order of first appearance and writes
/// their events to a SpillStore.
class EventReader : public EventSink {
 public:
  EventReader(const SourceTraits& traits, MissingRule missing, SpillStore* spill,
              BadRows* bad_rows);

  void Add(const RawEvent& event, const RowPlace& place) override;

  int64_t rows() const { return rows_; }
  int64_t missing_count() const { return missing_count_; }
  const Vocabulary& users() const { return users_; }
  const Vocabulary& items() const { return items_; }
  /// The label that the cleaning pass fills in for an empty one. Throws DataError for kMean if the
  /// log has no label at all.
  float MissingLabel() const;

 private:
  SourceTraits traits_;
  MissingRule missing_;
  SpillStore* spill_;
  BadRows* bad_rows_;
  Vocabulary users_, items_, subjects_;
  int64_t rows_ = 0, missing_count_ = 0, label_count_ = 0;
  double label_sum_ = 0;
};

}  // namespace hearth
