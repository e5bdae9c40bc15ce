#pragma once

#include <string>
#include <vector>

#include "cluster/communicator.h"
#include "launch/report/machine.h"

namespace hearth {

/// Compares what the ranks of a job have: builds, MPI libraries, processors, devices, room for
/// shared memory, whether a file that rank 0 writes to `folder` is seen by all, and their clocks.
/// Every difference has a hint that names the ranks. Collective: all ranks must call; each gets the
/// same findings.
std::vector<Finding> CompareRanks(Communicator& communicator, const std::string& folder);

}  // namespace hearth
