#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sampler/meta_batch.h"
#include "storage/shard/dataset.h"
#include "trainer/model/data_binding.h"

namespace hearth {

/// Interactions of one user to adapt to, in the indexes of a binding.
struct SupportSet {
  std::string user;                ///< as named in the output
  int64_t owner = kUnknownEntity;  ///< index into DataBinding::tasks(), where the user is known
  std::vector<int64_t> items;      ///< [row] index into DataBinding::items()
  std::vector<float> labels;       ///< [row]
};

/// Support sets from a TSV (or, by its name's end, CSV) file with a header: `item`, and optionally
/// `user` and `label`, in any order. Ids are original ids; a user of the bound table keeps its
/// features. Without `user` all rows belong to one user named "new"; without `label` every label is
/// 1, which only a model of positive-only data allows.
/// Throws DataError with file, line, column and value for unknown items, bad or out-of-range
/// labels, an item given twice for one user, and files without rows.
std::vector<SupportSet> ReadSupportFile(const std::string& path, const InputSchema& schema,
                                        const DataBinding& data);

/// Support sets of users of the data set, one original id per line: the user's training events, or,
/// when there are none, all its events. Throws DataError naming ids the data set does not have.
std::vector<SupportSet> ReadUsersFile(const std::string& path, const Dataset& dataset);

/// A chunk of one task with this support (>= 1 row). Its one query row repeats the first support
/// row and means nothing. `negatives_per_row` > 0 (pairwise losses): negatives drawn uniformly from
/// the `item_count` items outside the support, a pure function of (seed, user).
Chunk ChunkOf(const SupportSet& support, int64_t negatives_per_row, int64_t item_count,
              uint64_t seed);

}  // namespace hearth
