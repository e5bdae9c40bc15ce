#pragma once

#include <nlohmann/json.hpp>

#include "cluster/communicator.h"

namespace hearth {

/// Times the operations that training uses, in turn, with results of 8 bytes to 16 MiB. Returns
/// {operation: {bytes: {"us": spread over the rounds, "gb_per_s": median}}}; a Barrier has 0 bytes.
/// `bytes` is the size of the result on each rank. Calls run one after the other, and the time of
/// the slowest rank counts. Rank 0 prints the same figures as a table. Collective: all ranks must
/// call.
nlohmann::json BenchOperations(Communicator& communicator, int64_t rounds);

/// The largest of all ranks' values, element by element. Collective: all ranks must call.
std::vector<double> LargestOfRanks(Communicator& communicator, std::vector<double> values);

}  // namespace hearth
