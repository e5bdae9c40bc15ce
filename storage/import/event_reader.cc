#include "storage/import/event_reader.h"

#include <cmath>

#include "common/error.h"

namespace hearth {

EventReader::EventReader(const SourceTraits& traits, MissingRule missing, SpillStore* spill,
                         BadRows* bad_rows)
    : traits_(traits), missing_(missing), spill_(spill), bad_rows_(bad_rows) {}

void EventReader::Add(const RawEvent& event, const RowPlace& place) {
  if (std::isnan(event.label)) {
    if (missing_ == MissingRule::kRefuse) {
      bad_rows_->Reject(place, "label", "",
                        "the label is missing (--missing drop, zero, one or mean accepts it)");
      return;
    }
    ++missing_count_;
  } else {
    ++label_count_;
    label_sum_ += event.label;
  }
  ++rows_;
  if (missing_ == MissingRule::kDrop && std::isnan(event.label)) return;
  EventRecord record;
  record.time = traits_.time == TimeMeaning::kNone ? 0 : event.time;
  record.nanoseconds = event.nanoseconds;
  record.row = rows_ - 1;
  record.user = user_numbers_.Intern(event.user, event.user_code, &users_);
  record.item = item_numbers_.Intern(event.item, event.item_code, &items_);
  if (!event.subject.empty()) record.subject = subjects_.Intern(event.subject);
  record.label = event.label;
  record.role = static_cast<uint8_t>(event.role);
  record.split = event.part.split;
  record.scenario = event.part.scenario;
  spill_->Add(record);
}

uint32_t EventReader::CodeNumbers::Intern(std::string_view id, uint32_t code,
                                          Vocabulary* vocabulary) {
  if (code == RawEvent::kNoCode) return vocabulary->Intern(id);
  if (code >= plus_one_.size()) plus_one_.resize(code + size_t{code} / 2 + 1);
  if (plus_one_[code] == 0) plus_one_[code] = vocabulary->Intern(id) + 1;
  return plus_one_[code] - 1;
}

float EventReader::MissingLabel() const {
  if (missing_ == MissingRule::kZero) return 0.0F;
  if (missing_ == MissingRule::kOne) return 1.0F;
  if (missing_ == MissingRule::kMean && missing_count_ > 0) {
    if (label_count_ == 0)
      throw DataError("every label is missing, so there is no mean to fill in");
    return static_cast<float>(label_sum_ / static_cast<double>(label_count_));
  }
  return 0.0F;
}

}  // namespace hearth
