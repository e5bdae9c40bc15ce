#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "trainer/embedding/embedding_table.h"
#include "trainer/method/meta_learner.h"
#include "trainer/recommend/support_set.h"

namespace hearth {

/// One recommended item.
struct Recommendation {
  int64_t item = 0;  ///< index into Dataset::event_entities()
  double score = 0.0;
};

struct RecommendOptions {
  int64_t top_k = 10;        ///< >= 1
  bool exclude_seen = true;  ///< leave out the items of the support set
  bool adapt = true;         ///< false: the base model as it is
  int64_t negatives = 0;     ///< TaskOptions::negatives of the run: pairwise losses need them
  uint64_t seed = 1;         ///< of the run
};

/// The top-k of the whole catalogue for one user, best first; equal scores by item index. Fewer
/// when the catalogue is smaller. A user without support is served by the base model.
std::vector<Recommendation> Recommend(const MetaLearner& learner, const MetaParameters& parameters,
                                      const SupportSet& support, const RecommendOptions& options);

/// The same for a user adapted earlier; `seen` (may be empty) is left out.
std::vector<Recommendation> RecommendAdapted(const MetaLearner& learner,
                                             const MetaParameters& parameters,
                                             const AdaptedUser& adapted, int64_t owner,
                                             std::span<const int64_t> seen, int64_t top_k);

}  // namespace hearth
