#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace hearth {

/// Deals chunks to ranks so that the most loaded rank has little more than the mean cost. The
/// dearest chunk comes first; each chunk goes to the rank with the least cost so far, ties to the
/// lower number. Returns the rank of each chunk, a pure function of the arguments. Source: Graham
/// 1969, longest processing time first.
std::vector<int> DealChunks(std::span<const int64_t> costs, int world_size);

}  // namespace hearth
