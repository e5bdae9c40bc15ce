#include "trainer/table/lru_slots.h"

#include <algorithm>
#include <bit>
#include <functional>

#include "cluster/row_partition.h"
#include "common/error.h"

namespace hearth {

LruSlots::LruSlots(int64_t first_bucket, int64_t bucket_count, int64_t slots)
    : first_bucket_(first_bucket),
      slots_(slots),
      buckets_(bucket_count),
      changed_(bucket_count * slots) {
  HEARTH_CHECK(slots >= 1, "{} slots", slots);
  const int64_t count = bucket_count * slots;
  ids_.assign(count, kEmpty);
  last_steps_.assign(count, 0);
  before_.assign(count, kEmpty);
  after_.assign(count, kEmpty);
}

int64_t LruSlots::BytesFor(int64_t bucket_count, int64_t slots, int64_t id_count) {
  // flat_hash_map doubles its places when more than half of them are taken. A place has its
  // distance from the wanted place beside the pair.
  struct Place {
    int8_t distance;
    std::pair<int64_t, int64_t> pair;
  };
  const auto places = static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(2 * id_count)));
  const int64_t count = bucket_count * slots;
  constexpr int64_t kLists = 4;  // ids_, last_steps_, before_, after_
  return count * kLists * static_cast<int64_t>(sizeof(int64_t)) + RowMarks::BytesFor(count) +
         bucket_count * static_cast<int64_t>(sizeof(Bucket)) +
         (id_count > 0 ? places * static_cast<int64_t>(sizeof(Place)) : 0);
}

void LruSlots::Link(int64_t slot) {
  Bucket& bucket = BucketOf(slot);
  before_[slot] = bucket.newest;
  after_[slot] = kEmpty;
  if (bucket.newest != kEmpty) after_[bucket.newest] = slot;
  if (bucket.oldest == kEmpty) bucket.oldest = slot;
  bucket.newest = slot;
}

void LruSlots::Unlink(int64_t slot) {
  Bucket& bucket = BucketOf(slot);
  const int64_t before = before_[slot];
  const int64_t after = after_[slot];
  if (before == kEmpty) {
    bucket.oldest = after;
  } else {
    after_[before] = after;
  }
  if (after == kEmpty) {
    bucket.newest = before;
  } else {
    before_[after] = before;
  }
}

void LruSlots::Touch(int64_t slot, int64_t step) {
  changed_.Mark(slot);
  last_steps_[slot] = step;
  Unlink(slot);
  Link(slot);
}

int64_t LruSlots::Insert(int64_t id, int64_t step) {
  const int64_t number = RowPartition::BucketOf(id) - first_bucket_;
  HEARTH_CHECK(number >= 0 && number < std::ssize(buckets_), "id {} is of another rank", id);
  Bucket& bucket = buckets_[number];
  if (bucket.holes.empty() && bucket.unused == slots_) {
    if (last_steps_[bucket.oldest] == step) return kEmpty;
    Erase(bucket.oldest);
  }
  int64_t slot = number * slots_;
  if (bucket.holes.empty()) {
    slot += bucket.unused++;
  } else {
    std::ranges::pop_heap(bucket.holes, std::greater());
    slot = bucket.holes.back();
    bucket.holes.pop_back();
  }
  ids_[slot] = id;
  last_steps_[slot] = step;
  index_[id] = slot;
  changed_.Mark(slot);
  Link(slot);
  return slot;
}

void LruSlots::Erase(int64_t slot) {
  changed_.Mark(slot);
  Unlink(slot);
  index_.erase(ids_[slot]);
  ids_[slot] = kEmpty;
  last_steps_[slot] = 0;
  Bucket& bucket = BucketOf(slot);
  bucket.holes.push_back(slot);
  std::ranges::push_heap(bucket.holes, std::greater());
}

void LruSlots::EraseUnusedSince(int64_t step) {
  for (const Bucket& bucket : buckets_) {
    while (bucket.oldest != kEmpty && last_steps_[bucket.oldest] < step) {
      Erase(bucket.oldest);
    }
  }
}

void LruSlots::ListState(const std::string& prefix, const StateDomain& domain, StateList& list) {
  list.push_back({prefix + "ids", ViewOf(ids_), domain, [this] { Rebuild(); }});
  list.push_back({prefix + "last_step", ViewOf(last_steps_), domain});
}

void LruSlots::Rebuild() {
  index_.clear();
  changed_.Clear();
  std::ranges::fill(buckets_, Bucket());
  std::ranges::fill(before_, kEmpty);
  std::ranges::fill(after_, kEmpty);
  for (int64_t number = 0; number < std::ssize(buckets_); ++number) RebuildBucket(number);
}

void LruSlots::RebuildBucket(int64_t number) {
  Bucket& bucket = buckets_[number];
  const int64_t begin = number * slots_;
  std::vector<int64_t> used;
  for (int64_t slot = begin; slot < begin + slots_; ++slot) {
    const int64_t id = ids_[slot];
    if (id == kEmpty) {
      last_steps_[slot] = 0;
      continue;
    }
    if (id < 0 || RowPartition::BucketOf(id) != first_bucket_ + number ||
        !index_.emplace(id, slot).second) {
      throw DataError("row {}: id {} stands twice or in bucket {}, which is not its own", slot, id,
                      first_bucket_ + number);
    }
    used.push_back(slot);
  }
  if (!used.empty()) bucket.unused = used.back() + 1 - begin;
  for (int64_t slot = begin; slot < begin + bucket.unused; ++slot) {
    if (ids_[slot] == kEmpty) bucket.holes.push_back(slot);
  }
  // The ids of one step were touched in ascending order, so equal steps sort by id.
  std::ranges::sort(used, {},
                    [&](int64_t slot) { return std::pair(last_steps_[slot], ids_[slot]); });
  for (const int64_t slot : used) Link(slot);
}

}  // namespace hearth
