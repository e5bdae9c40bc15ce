#include "cluster/row_partition.h"

#include "common/error.h"

namespace hearth {

RowPartition::RowPartition(int64_t row_count, int world_size)
    : row_count_(row_count),
      world_size_(world_size),
      rows_per_bucket_(row_count / kBuckets),
      longer_buckets_(row_count % kBuckets) {
  HEARTH_CHECK(row_count >= 0 && world_size >= 1 && world_size <= kBuckets, "{} rows, {} ranks",
               row_count, world_size);
}

int64_t RowPartition::IdAt(int64_t position) const {
  const int64_t in_longer = longer_buckets_ * (rows_per_bucket_ + 1);
  if (position < in_longer) {
    return position / (rows_per_bucket_ + 1) + position % (rows_per_bucket_ + 1) * kBuckets;
  }
  const int64_t rest = position - in_longer;
  return longer_buckets_ + rest / rows_per_bucket_ + rest % rows_per_bucket_ * kBuckets;
}

}  // namespace hearth
