#pragma once

#include <algorithm>
#include <cstdint>

namespace hearth {

/// Positions [begin, end) in the storage of a table.
struct PositionRange {
  int64_t begin = 0, end = 0;
  int64_t size() const { return end - begin; }
  bool Contains(int64_t position) const { return position >= begin && position < end; }
};

/// Places the table rows of an embedding table. Row `id` lies in logical bucket id mod kBuckets, so
/// that neighbouring (often equally hot) ids spread. Rows are stored bucket after bucket. Each rank
/// owns a run of neighbouring buckets and so one contiguous range of positions, in memory and in a
/// checkpoint. Positions do not depend on the number of ranks.
class RowPartition {
 public:
  static constexpr int64_t kBuckets = 1024;

  /// row_count >= 0; world_size in [1, kBuckets].
  RowPartition(int64_t row_count, int world_size);

  int64_t row_count() const { return row_count_; }
  int world_size() const { return world_size_; }

  static int64_t BucketOf(int64_t id) { return id % kBuckets; }
  /// Converts an id in [0, row_count()) to its position; IdAt() converts back.
  int64_t PositionOf(int64_t id) const { return BucketBegin(BucketOf(id)) + id / kBuckets; }
  int64_t IdAt(int64_t position) const;

  /// Returns the first position of a bucket, or row_count() for kBuckets.
  int64_t BucketBegin(int64_t bucket) const {
    return bucket * rows_per_bucket_ + std::min(bucket, longer_buckets_);
  }
  /// Returns the first bucket of a rank, or kBuckets for world_size().
  int64_t FirstBucketOf(int rank) const { return kBuckets * rank / world_size_; }
  int OwnerOfBucket(int64_t bucket) const {
    return static_cast<int>(((bucket + 1) * world_size_ - 1) / kBuckets);
  }
  int OwnerOf(int64_t id) const { return OwnerOfBucket(BucketOf(id)); }
  PositionRange OwnedBy(int rank) const {
    return {BucketBegin(FirstBucketOf(rank)), BucketBegin(FirstBucketOf(rank + 1))};
  }

 private:
  int64_t row_count_;
  int world_size_;
  int64_t rows_per_bucket_, longer_buckets_;  // the first longer_buckets_ have one row more
};

}  // namespace hearth
