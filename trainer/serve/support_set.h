#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sampler/meta_batch.h"
#include "sampler/negative_sampler.h"
#include "sampler/task_options.h"
#include "storage/shard/dataset.h"
#include "trainer/model/data_binding.h"

namespace hearth {

/// The interactions that a model adapts to for one user, as indexes of a binding.
struct SupportSet {
  std::string user;                ///< as named in the output
  int64_t owner = kUnknownEntity;  ///< index into DataBinding::tasks(), if known
  std::vector<int64_t> items;      ///< [row] index into DataBinding::items()
  std::vector<float> labels;       ///< [row]
};

/// Reads support sets from a TSV file, or from a CSV file if its name ends so. The header names the
/// column `item` and optionally `user` and `label`, in any order. Ids are original ids; a user of
/// the bound table keeps its features. If there is no `user`, all rows belong to one user named
/// "new". If there is no `label`, every label is 1; models of positive-only data alone allow this.
/// Throws DataError with file, line, column and value for unknown items, bad or out-of-range
/// labels, an item given twice for one user, and files without rows.
std::vector<SupportSet> ReadSupportFile(const std::string& path, const InputSchema& schema,
                                        const DataBinding& data);

/// Makes support sets for the users named in a file, one original id per line. A set holds the
/// user's training events, or all its events when there are no training events. Throws DataError
/// naming ids the data set does not have.
std::vector<SupportSet> ReadUsersFile(const std::string& path, const Dataset& dataset);

/// A chunk of one task with this support (>= 1 row). Its one query row repeats the first support
/// row and means nothing.
Chunk ChunkOf(const SupportSet& support);

/// The negatives that a model adapts with.
struct ServedNegatives {
  int64_t per_row = 0;    ///< TaskOptions::negatives
  bool are_rows = false;  ///< TaskOptions::negatives_are_rows
  uint64_t seed = 1;      ///< of the run
};

/// Draws among the bound items that training has met, as training does: NegativeSampling gives them
/// their weights by the training events of the catalogue.
NegativeSampler CatalogueSampler(const Catalogue& catalogue, const BoundEntities& items,
                                 NegativeSampling sampling);

/// Adds negatives to ChunkOf(support), drawn outside the support. They are a pure function of
/// (seed, text of the user). Throws DataError naming the user when there is no such item.
void DrawNegatives(const SupportSet& support, const NegativeSampler& sampler,
                   const ServedNegatives& negatives, Chunk& chunk);

}  // namespace hearth
