#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <c10/util/flat_hash_map.h>

#include "trainer/table/row_marks.h"
#include "trainer/table/state_array.h"

namespace hearth {

/// Ids in a fixed number of slots, bucket by bucket, with the step each was last used in. A bucket
/// is a world of its own: what it holds, and in which slots, is a function of the calls for its own
/// ids alone, so it does not matter which rank keeps it.
class LruSlots {
 public:
  static constexpr int64_t kEmpty = -1;

  /// Buckets `first_bucket` to `first_bucket + bucket_count` - 1 of RowPartition::kBuckets, each of
  /// `slots` slots, all empty.
  LruSlots(int64_t first_bucket, int64_t bucket_count, int64_t slots);

  /// The slot of an id, kEmpty if it has none. Slots count from the first bucket's.
  int64_t Find(int64_t id) const {
    const auto place = index_.find(id);
    return place == index_.end() ? kEmpty : place->second;
  }
  /// The id at that slot was used in `step`, not before any other step given so far.
  void Touch(int64_t slot, int64_t step);
  /// A slot for an id that has none: the lowest empty one of its bucket, else that of the bucket's
  /// id longest without use (the lower one of two), which goes; kEmpty when all were used in
  /// `step`.
  int64_t Insert(int64_t id, int64_t step);
  void Erase(int64_t slot);
  /// Erases every id last used before `step`.
  void EraseUnusedSince(int64_t step);

  int64_t size() const { return static_cast<int64_t>(index_.size()); }
  /// [slot] the id or kEmpty, and the step of its last use (0 where empty).
  const std::vector<int64_t>& ids() const { return ids_; }
  const std::vector<int64_t>& last_steps() const { return last_steps_; }
  /// The slots whose id or step changed, and those marked by others.
  RowMarks& changed() { return changed_; }
  const RowMarks& changed() const { return changed_; }
  /// Lists the state: `prefix` + "ids", "last_step". A load throws DataError when an id stands
  /// twice or in a bucket that is not its own, and leaves no slot marked.
  void ListState(const std::string& prefix, const StateDomain& domain, StateList& list);

 private:
  struct Bucket {
    int64_t oldest = kEmpty, newest = kEmpty;  // of the list in order of use
    int64_t unused = 0;                        // this slot of the bucket and those above are empty
    std::vector<int64_t> holes;                // a heap: empty slots below, the lowest first
  };
  // Makes everything else from ids_ and last_steps_.
  void Rebuild();
  void RebuildBucket(int64_t number);
  Bucket& BucketOf(int64_t slot) { return buckets_[static_cast<size_t>(slot / slots_)]; }
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
