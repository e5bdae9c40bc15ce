#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "storage/shard/dataset.h"
#include "trainer/embedding/embedding_table.h"
#include "trainer/method/meta_learner.h"

namespace hearth {

/// Interactions of one user to adapt to, in the indexes of the data set.
struct SupportSet {
  std::string user;                ///< as named in the output
  int64_t owner = kUnknownEntity;  ///< index of the user if the data set knows it
  std::vector<int64_t> items;      ///< [row]
  std::vector<float> labels;       ///< [row]
};

/// Reads support sets from a TSV or CSV file: a header with `item` and, optionally, `user`,
/// `label`, in any order. Ids are original ids. Without `user` all rows belong to one user named
/// "new". Throws DataError with file, line and value for unknown items, bad labels, empty files.
std::vector<SupportSet> ReadSupportFile(const std::string& path, const Dataset& dataset);

/// Support sets of users of the data set, one original id per line: all events of the user's
/// training part, or of any part when there are none. Throws DataError naming unknown ids.
std::vector<SupportSet> SupportOfUsers(const std::string& path, const Dataset& dataset);

/// One recommended item.
struct Recommendation {
  int64_t item = 0;  ///< index into Dataset::event_entities()
  double score = 0.0;
};

struct RecommendOptions {
  int64_t top_k = 10;        ///< >= 1
  bool exclude_seen = true;  ///< leave out the items of the support set
  bool adapt = true;         ///< false: the base model as it is
};

/// The top-k of the whole catalogue for one user, best first; equal scores by item index.
std::vector<Recommendation> Recommend(const MetaLearner& learner, const MetaParameters& parameters,
                                      const SupportSet& support, const RecommendOptions& options);

/// Adapts to one support set (>= 1 row) and returns what a later session needs to score for this
/// user without the support: the values of the adapted parameters.
AdaptedTasks AdaptTo(const MetaLearner& learner, const MetaParameters& parameters,
                     const SupportSet& support);

/// Adapted users on disk: one folder with `adapted.h5` (values of the adapted parameters,
/// [user, shape...]) and `adapted.json` (users, parameters, base checkpoint). Written atomically;
/// refuses an existing folder that is not empty.
struct AdaptedUsers {
  std::vector<SupportSet> support;
  std::vector<AdaptedTasks> adapted;  ///< [user]
};
void SaveAdaptedUsers(const std::string& folder, const MetaLearner& learner,
                      const AdaptedUsers& users, const std::string& base_checkpoint,
                      const std::string& base_hash);

}  // namespace hearth
