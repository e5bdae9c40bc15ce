#pragma once

#include <string>
#include <vector>

#include "cluster/communicator.h"
#include "launch/report/machine.h"

namespace hearth {

/// Compares the ranks of a job: their builds, MPI libraries, processors, GPUs, room for shared
/// memory and clocks. Also checks that all ranks see a file that rank 0 writes to `folder`. Every
/// finding with a difference names the ranks. All ranks get the same findings.
/// Collective: all ranks must call.
std::vector<Finding> CompareRanks(Communicator& communicator, const std::string& folder);

}  // namespace hearth
