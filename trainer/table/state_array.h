#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "cluster/row_partition.h"
#include "trainer/table/row_marks.h"

namespace hearth {

/// Describes the rows of an array of the state: their kind, their number over all ranks, and the
/// rows on this rank.
struct StateDomain {
  enum class Kind {
    kDense,      ///< every rank has all rows
    kTableRows,  ///< the rows of a table
    kSlots,      ///< slots for ids that wait for a row of a table: as many as rows
    kBuckets,    ///< the buckets of a table
  };

  Kind kind = Kind::kDense;
  int64_t row_count = 0;              ///< over all ranks
  PositionRange held;                 ///< on this rank
  bool sharded = false;               ///< each rank holds its own rows; else each holds all rows
  const RowMarks* changed = nullptr;  ///< the held rows that changed; null: any row may have
};

/// The domain of dense parameters.
StateDomain DenseDomain(int64_t row_count);

/// One array of the state of a run. Every owner of state lists its arrays in a fixed order. The
/// code that saves, loads, counts or compares the state loops over such a list. A list is valid
/// until its owner changes in size or place.
struct StateArray {
  std::string name;   ///< unique among the arrays of the owner
  at::Tensor values;  ///< [held, ...], the owner's own memory: a write changes the state
  StateDomain domain;
  /// Called after all arrays of a list were loaded: updates the members that the owner derives from
  /// the array. Throws DataError when its values make no sense. Empty: nothing to do.
  std::function<void()> on_load = {};
};
using StateList = std::vector<StateArray>;

/// A tensor that shares the memory of a vector.
at::Tensor ViewOf(std::vector<int64_t>& values);

}  // namespace hearth
