#include "trainer/recommend/recommendation.h"

#include <algorithm>
#include <numeric>
#include <unordered_set>

#include "trainer/tensor/parameters.h"

namespace hearth {

std::vector<Recommendation> RecommendAdapted(const MetaLearner& learner,
                                             const MetaParameters& parameters,
                                             const AdaptedUser& adapted, int64_t owner,
                                             std::span<const int64_t> seen, int64_t top_k) {
  std::vector<int64_t> catalogue(static_cast<size_t>(learner.item_fields().entity_count()));
  std::iota(catalogue.begin(), catalogue.end(), int64_t{0});
  const std::unordered_set<int64_t> excluded(seen.begin(), seen.end());
  std::erase_if(catalogue, [&](int64_t item) { return excluded.contains(item); });
  const std::vector<double> scores = learner.ScoreItems(parameters, adapted, owner, catalogue);
  std::vector<Recommendation> ranked;
  for (size_t i = 0; i < catalogue.size(); ++i) ranked.push_back({catalogue[i], scores[i]});
  const size_t count = std::min(ranked.size(), static_cast<size_t>(top_k));
  std::partial_sort(ranked.begin(), ranked.begin() + static_cast<std::ptrdiff_t>(count),
                    ranked.end(), [](const Recommendation& a, const Recommendation& b) {
                      return a.score != b.score ? a.score > b.score : a.item < b.item;
                    });
  ranked.resize(count);
  return ranked;
}

std::vector<Recommendation> Recommend(const MetaLearner& learner, const MetaParameters& parameters,
                                      const SupportSet& support, const RecommendOptions& options) {
  AdaptedUser adapted{.values = ViewParameters(learner.model().layout(), parameters.dense)};
  if (options.adapt && !support.items.empty()) {
    adapted = learner.Adapt(
        parameters,
        ChunkOf(support, options.negatives, learner.item_fields().entity_count(), options.seed));
  }
  const std::span<const int64_t> seen =
      options.exclude_seen ? std::span<const int64_t>(support.items) : std::span<const int64_t>();
  return RecommendAdapted(learner, parameters, adapted, support.owner, seen, options.top_k);
}

}  // namespace hearth
