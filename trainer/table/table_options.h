#pragma once

#include <cstdint>
#include <string>

#include "cluster/wire.h"

namespace hearth {

/// Shape and start values of one embedding table. Tables live outside autograd and outside the
/// dense parameters; a model sees the rows a chunk touches.
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

  /// Rows kept of each table with more ids than that, rounded up to whole buckets; 0: a row for
  /// every id.
  int64_t capacity = 0;
  /// Outer steps an id must take part in before it gets a row, >= 1. Until then, and after it was
  /// evicted, it reads as a new row.
  int64_t admit_after = 1;
  /// A row without part in that many outer steps is given up; 0: only when its bucket is full, the
  /// row longest without part first.
  int64_t evict_after = 0;
  NewRows new_rows = NewRows::kSeed;
};

/// Which part of the tables a rank keeps.
struct TablePlacement {
  int rank = 0;
  int world_size = 1;
  /// Tables of at most this size are kept whole on every rank: their gradients travel with the
  /// dense ones.
  int64_t replicate_bytes = 0;
  Wire wire = Wire::kFull;
};

}  // namespace hearth
