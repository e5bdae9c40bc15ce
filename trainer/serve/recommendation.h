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
  bool exclude_seen = false;  ///< leaves out the items of the user's support
};

/// The best of all bound items for every adapted user [user], best first (ties: the lower item
/// index comes first). A list is shorter than top_k when there are fewer items. The ranks share the
/// users. Items are scored in blocks, so that memory does not grow with the catalogue. Every rank
/// gets all results. Collective: all ranks must call, with the same users.
std::vector<std::vector<Recommendation>> Recommend(
    const Learner& learner, const MetaParameters& parameters, const DataBinding& data,
    std::span<const SupportSet> users, std::span<const TaskState> states,
    const RecommendOptions& options, Communicator& communicator);

}  // namespace hearth
