#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "cluster/communicator.h"
#include "trainer/adapt/learner.h"
#include "trainer/serve/support_set.h"

namespace hearth {

struct AdaptUsersOptions {
  bool adapt = true;      ///< false: the base model as it is
  int64_t negatives = 0;  ///< TaskOptions::negatives of the run
  NegativeSampling negative_sampling = NegativeSampling::kUniform;  ///< of the run
  uint64_t seed = 1;                                                ///< of the run
};

/// Adapts a base model to every user [user]. The ranks share the work, and each rank gets all
/// results. The results do not depend on the number of ranks. A user without support rows gets an
/// empty state: the base model. Collective: all ranks must call, with the same users.
std::vector<TaskState> AdaptUsers(const Learner& learner, const MetaParameters& parameters,
                                  const DataBinding& data, std::span<const SupportSet> users,
                                  const AdaptUsersOptions& options, Communicator& communicator);

/// True when user number `user` is dealt to this rank.
inline bool IsOwnUser(int64_t user, const Communicator& communicator) {
  return user % communicator.world_size() == communicator.rank();
}

}  // namespace hearth
