#include "trainer/table/dynamic_ids.h"

#include "common/error.h"

namespace hearth {

DynamicIds::DynamicIds(const TableOptions& options, int64_t first_bucket, int64_t bucket_count,
                       int64_t slots)
    : options_(options),
      rows_(first_bucket, bucket_count, slots),
      waiting_(first_bucket, bucket_count, slots),
      waiting_counts_(bucket_count * slots, 0) {
  HEARTH_CHECK(options.admit_after >= 1, "admit after {}", options.admit_after);
}

int64_t DynamicIds::BytesFor(const TableOptions& options, int64_t bucket_count, int64_t slots) {
  const int64_t count = bucket_count * slots;
  return LruSlots::BytesFor(bucket_count, slots, count) +
         LruSlots::BytesFor(bucket_count, slots, options.admit_after > 1 ? count : 0) +
         count * static_cast<int64_t>(sizeof(int64_t));  // waiting_counts_
}

void DynamicIds::ListRows(const StateDomain& domain, StateList& list) {
  rows_.ListState("", domain, list);
}

void DynamicIds::ListWaiting(const StateDomain& domain, StateList& list) {
  waiting_.ListState("waiting/", domain, list);
  list.push_back({"waiting/count", ViewOf(waiting_counts_), domain});
}

bool DynamicIds::IsAdmitted(int64_t id, int64_t step) {
  if (options_.admit_after == 1) return true;
  int64_t slot = waiting_.Find(id);
  if (slot == LruSlots::kEmpty) {
    slot = waiting_.Insert(id, step);
    if (slot == LruSlots::kEmpty) return false;
    waiting_counts_[slot] = 0;
  }
  waiting_.Touch(slot, step);
  return ++waiting_counts_[slot] >= options_.admit_after;
}

void DynamicIds::StopWaiting(int64_t id) {
  const int64_t slot = waiting_.Find(id);
  if (slot == LruSlots::kEmpty) return;
  waiting_.Erase(slot);
  waiting_counts_[slot] = 0;
}

std::vector<DynamicIds::NewRow> DynamicIds::AdmitIds(std::span<const int64_t> ids, int64_t step) {
  if (options_.evict_after > 0) {
    rows_.EraseUnusedSince(step - options_.evict_after);
    waiting_.EraseUnusedSince(step - options_.evict_after);
  }
  // Touched first: the step must not evict the rows that it uses.
  for (const int64_t id : ids) {
    if (const int64_t row = rows_.Find(id); row != LruSlots::kEmpty) rows_.Touch(row, step);
  }
  std::vector<NewRow> admitted;
  for (const int64_t id : ids) {
    if (rows_.Find(id) != LruSlots::kEmpty || !IsAdmitted(id, step)) continue;
    // An id that finds no row in a full bucket keeps its count, so its next use may get one.
    if (const int64_t row = rows_.Insert(id, step); row != LruSlots::kEmpty) {
      StopWaiting(id);
      admitted.push_back({row, id});
    }
  }
  // Touched again, old rows and new rows in the order of ids: a checkpoint restores this order.
  for (const int64_t id : ids) {
    if (const int64_t row = rows_.Find(id); row != LruSlots::kEmpty) rows_.Touch(row, step);
  }
  return admitted;
}

}  // namespace hearth
