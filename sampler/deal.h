#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace hearth {

/// Which of several ranks this is: plain numbers, no communication.
struct RankPlace {
  int rank = 0;
  int world_size = 1;
};

/// Deals chunks to ranks so that the dearest rank is cheap: dearest chunk first, each to the rank
/// with the least cost so far, ties to the lower number. A pure function of its arguments.
/// Returns the rank of each chunk.  Source: Graham 1969, longest processing time first.
std::vector<int> DealChunks(std::span<const int64_t> costs, int world_size);

}  // namespace hearth
