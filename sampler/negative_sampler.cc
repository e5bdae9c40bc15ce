#include "sampler/negative_sampler.h"

#include <algorithm>

#include "common/error.h"

namespace hearth {

NegativeSampler::NegativeSampler(std::span<const int64_t> weights) : cumulative_{0} {
  cumulative_.reserve(weights.size() + 1);
  for (const int64_t weight : weights) {
    HEARTH_CHECK(weight >= 0, "weight {}", weight);
    cumulative_.push_back(cumulative_.back() + weight);
  }
}

NegativeSampler::Candidates::Candidates(const NegativeSampler& sampler,
                                        std::span<const int64_t> seen)
    : sampler_(sampler) {
  std::vector<int64_t> items(seen.begin(), seen.end());
  std::ranges::sort(items);
  items.erase(std::unique(items.begin(), items.end()), items.end());
  int64_t seen_weight = 0;
  for (const int64_t item : items) {
    if (sampler.WeightOf(item) == 0) continue;
    free_before_.push_back(sampler.cumulative_[item] - seen_weight);
    seen_weight += sampler.WeightOf(item);
    seen_through_.push_back(seen_weight);
  }
  weight_ = sampler.cumulative_.back() - seen_weight;
}

// Inverts the cumulative weight with the seen items cut out: a point of the remaining weight moves
// up by the weight of the seen items before it.
int64_t NegativeSampler::Candidates::DrawOne(RandomStream* stream) const {
  HEARTH_CHECK(weight_ > 0);
  int64_t point = stream->NextBelow(weight_);
  const auto after = std::ranges::upper_bound(free_before_, point);
  if (after != free_before_.begin()) {
    point += seen_through_[after - free_before_.begin() - 1];
  }
  const std::vector<int64_t>& cumulative = sampler_.cumulative_;
  return std::ranges::upper_bound(cumulative, point) - cumulative.begin() - 1;
}

}  // namespace hearth
