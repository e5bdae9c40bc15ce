#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "cluster/communicator.h"
#include "trainer/adapt/learner.h"
#include "trainer/serve/support_set.h"
#include "trainer/table/meta_parameters.h"

namespace hearth {

/// One recommended item.
struct Recommendation {
  int64_t item = 0;  ///< index into DataBinding::items()
  double score = 0.0;
};

struct RecommendOptions {
  int64_t top_k = 10;         ///< items per user, >= 1
  bool exclude_seen = false;  ///< without the items of the user's support
};

/// The best items of all that are bound for every adapted user [user], best first; equal scores by
/// item index; fewer when there are fewer items. The ranks share the users; the catalogue passes by
/// in blocks, so that memory does not grow with it. Every rank gets all results. Collective: all
/// ranks must call, with the same users.
std::vector<std::vector<Recommendation>> Recommend(
    const Learner& learner, const MetaParameters& parameters, const DataBinding& data,
    std::span<const SupportSet> users, std::span<const TaskState> states,
    const RecommendOptions& options, Communicator& communicator);

}  // namespace hearth
