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
  record.user = users_.Intern(event.user);
  record.item = items_.Intern(event.item);
  if (!event.subject.empty()) record.subject = subjects_.Intern(event.subject);
  record.label = event.label;
  record.role = static_cast<uint8_t>(event.role);
  record.split = event.part.split;
  record.scenario = event.part.scenario;
  spill_->Add(record);
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
