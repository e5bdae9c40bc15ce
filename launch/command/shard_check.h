#pragma once

#include <string>
#include <vector>

#include "cluster/communicator.h"
#include "storage/shard/dataset.h"

namespace hearth {

/// Leaves out the shards that any rank found bad (Dataset::CheckShards), on every rank alike.
/// Throws DataError on every rank when they are more than data.max_bad_shards.
/// Collective: all ranks must call.
void LeaveOutTogether(const std::vector<BadShard>& found, Communicator& communicator,
                      Dataset& dataset);

/// The files of the shards that were left out.
std::vector<std::string> LeftOutFiles(const Dataset& dataset);

/// Logs a warning for each shard that was left out. The rank that logs should call.
void AnnounceLeftOut(const Dataset& dataset);

}  // namespace hearth
