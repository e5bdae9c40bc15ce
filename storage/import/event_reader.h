#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

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
  /// The numbers of codes that have come before, so that their ids are not looked up again.
  class CodeNumbers {
   public:
    uint32_t Intern(std::string_view id, uint32_t code, Vocabulary* vocabulary);

   private:
    std::vector<uint32_t> plus_one_;  // [code] the number + 1; 0: none yet
  };

  SourceTraits traits_;
  MissingRule missing_;
  SpillStore* spill_;
  BadRows* bad_rows_;
  Vocabulary users_, items_, subjects_;
  CodeNumbers user_numbers_, item_numbers_;
  int64_t rows_ = 0, missing_count_ = 0, label_count_ = 0;
  double label_sum_ = 0;
};

}  // namespace hearth
