#pragma once

#include <cstdint>

#include "cluster/communicator.h"
#include "cluster/counting_communicator.h"
#include "trainer/state/run_state.h"

namespace hearth {

/// Compares the replicas that every rank holds: dense parameters, tables that are not sharded, and
/// their optimizer state. All ranks take the same steps with the same numbers, so a difference is a
/// fault of memory, a processor or a link (or of hearth). Throws NumericError on every rank, naming
/// the ranks that differ from most.
/// Cost: one pass over the replicas and one exchange of 8 bytes. Collective: all ranks must call.
void RequireEqualReplicas(RunState& state, Communicator& communicator);

/// RequireEqualReplicas, after a check that all ranks made the same collective calls so far.
/// Collective: all ranks must call.
void RequireEqualRanks(RunState& state, CountingCommunicator& communicator);

}  // namespace hearth
