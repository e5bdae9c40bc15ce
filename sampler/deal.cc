#include "sampler/deal.h"

#include <algorithm>
#include <numeric>

#include "common/error.h"

namespace hearth {

std::vector<int> DealChunks(std::span<const int64_t> costs, int world_size) {
  HEARTH_CHECK(world_size >= 1, "{} ranks", world_size);
  std::vector<size_t> order(costs.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, std::ranges::greater(), [&](size_t i) { return costs[i]; });
  std::vector<int> ranks(costs.size());
  std::vector<int64_t> loads(world_size);
  for (const size_t chunk : order) {
    const auto lightest = std::ranges::min_element(loads);
    ranks[chunk] = static_cast<int>(lightest - loads.begin());
    *lightest += costs[chunk];
  }
  return ranks;
}

}  // namespace hearth
