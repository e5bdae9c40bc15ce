#pragma once

#include <cstdint>
#include <string>

#include "cluster/wire.h"

namespace hearth {

/// Shape and start values of one embedding table. Tables live outside autograd and outside the
/// dense parameters. A model sees only the table rows that a chunk touches.
struct TableSpec {
  std::string name;       ///< the field's name, "item.genre"
  int64_t row_count = 0;  ///< vocabulary size; row 0 is "missing or unknown"
  int64_t dim = 0;
  double init_scale = 0.0;  ///< standard deviation of the start values
};

/// Embedding tables whose ids come and go. Config section `tables`.
struct TableOptions {
  enum class NewRows {
    kSeed,  ///< normal, a pure function of (seed, table, id)
    kMean,  ///< the mean of the rows in the id's bucket, refreshed every 128 steps
  };

  /// The number of rows of a table with more ids than this, rounded up to whole buckets; 0: every
  /// table has a row for every id.
  int64_t capacity = 0;
  /// The number of outer steps an id must take part in before it gets a row, >= 1. An id reads as a
  /// new row before it gets one and after it was evicted.
  int64_t admit_after = 1;
  /// A row is evicted after this many outer steps without use. 0: a row is evicted only when its
  /// bucket is full, the row longest without use first.
  int64_t evict_after = 0;
  NewRows new_rows = NewRows::kSeed;
};

/// Settings that decide the rows of the tables on a rank.
struct TablePlacement {
  int rank = 0;
  int world_size = 1;
  /// Every rank keeps tables of at most this size whole; their gradients travel with the dense
  /// gradients.
  int64_t replicate_bytes = 0;
  Wire wire = Wire::kFull;
};

}  // namespace hearth
