#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "cluster/communicator.h"
#include "trainer/adapt/meta_learner.h"
#include "trainer/serve/support_set.h"
#include "trainer/table/meta_parameters.h"

namespace hearth {

/// One recommended item.
struct Recommendation {
  int64_t item = 0;  ///< index into Dataset::event_entities()
  double score = 0.0;
};

/// The `top_k` (>= 1) best items of the whole catalogue for every adapted user [user], best first;
/// equal scores by item index; fewer when the catalogue is smaller. `exclude_seen`: without the
/// items of the user's support. The ranks share the users; the catalogue passes by in blocks, so
/// that memory does not grow with it. Every rank gets all results.
/// Collective: all ranks must call, with the same users.
std::vector<std::vector<Recommendation>> Recommend(const MetaLearner& learner,
                                                   MetaParameters& parameters,
                                                   std::span<const SupportSet> users,
                                                   std::span<const AdaptedUser> adapted,
                                                   int64_t top_k, bool exclude_seen,
                                                   Communicator& communicator);

}  // namespace hearth
