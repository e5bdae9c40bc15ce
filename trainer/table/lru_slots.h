#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <c10/util/flat_hash_map.h>

#include "trainer/table/row_marks.h"
#include "trainer/table/state_array.h"

namespace hearth {

/// Ids in a fixed number of slots, bucket by bucket, with the step of each id's last use. Buckets
/// are independent: the ids of a bucket and their slots depend only on the calls for ids of this
/// bucket, so any rank may keep the bucket.
class LruSlots {
 public:
  static constexpr int64_t kEmpty = -1;

  /// Makes buckets `first_bucket` to `first_bucket + bucket_count` - 1 of RowPartition::kBuckets.
  /// Each bucket has `slots` slots, all empty.
  LruSlots(int64_t first_bucket, int64_t bucket_count, int64_t slots);

  /// Memory of such slots when `id_count` of them have an id, without the lists of slots that
  /// became free.
  static int64_t BytesFor(int64_t bucket_count, int64_t slots, int64_t id_count);

  /// The slot of an id, kEmpty if it has none. Slot 0 is the first slot of the first bucket.
  int64_t Find(int64_t id) const {
    const auto place = index_.find(id);
    return place == index_.end() ? kEmpty : place->second;
  }
  /// Notes that the id in `slot` was used in `step`. Steps never go back from call to call.
  void Touch(int64_t slot, int64_t step);
  /// Gives a slot to an id that has none, and returns the slot. The id gets the lowest empty slot
  /// of its bucket. A full bucket drops its id that is longest without use (ties: the lower id) and
  /// gives away that slot. Returns kEmpty when all ids of the bucket were used in `step`.
  int64_t Insert(int64_t id, int64_t step);
  void Erase(int64_t slot);
  /// Erases every id last used before `step`.
  void EraseUnusedSince(int64_t step);

  int64_t size() const { return std::ssize(index_); }
  /// [slot] the id or kEmpty, and the step of its last use (0 where empty).
  const std::vector<int64_t>& ids() const { return ids_; }
  const std::vector<int64_t>& last_steps() const { return last_steps_; }
  /// Marks of the slots: an id or a step changed here, or a caller set the mark.
  RowMarks& changed() { return changed_; }
  const RowMarks& changed() const { return changed_; }
  /// Lists the state: `prefix` + "ids", "last_step". Loading throws DataError when an id stands
  /// twice or in a bucket that is not its own. Loading clears all marks.
  void ListState(const std::string& prefix, const StateDomain& domain, StateList& list);

 private:
  struct Bucket {
    int64_t oldest = kEmpty, newest = kEmpty;  // ends of the list of slots in order of use
    int64_t unused = 0;          // this slot of the bucket and all later ones are empty
    std::vector<int64_t> holes;  // a heap of the empty slots below `unused`, lowest first
  };
  // Derives all other members from ids_ and last_steps_.
  void Rebuild();
  void RebuildBucket(int64_t number);
  Bucket& BucketOf(int64_t slot) { return buckets_[slot / slots_]; }
  void Link(int64_t slot);
  void Unlink(int64_t slot);

  int64_t first_bucket_, slots_;
  std::vector<Bucket> buckets_;
  std::vector<int64_t> ids_, last_steps_;  // [slot]
  std::vector<int64_t> before_, after_;    // [slot] neighbours in order of use
  RowMarks changed_;
  ska::flat_hash_map<int64_t, int64_t> index_;
};

}  // namespace hearth
