#include "sampler/ranked_items.h"

#include <algorithm>
#include <map>

#include "common/random.h"

namespace hearth {

RankingCandidates::RankingCandidates(const Dataset& dataset, Part part, int64_t count,
                                     uint64_t seed)
    : item_count_(dataset.event_entities().size()),
      count_(count),
      seed_(seed),
      seen_(dataset, part) {
  for (const int64_t index : dataset.ShardsOf(part)) {
    const ShardReader& shard = dataset.Shard(index);
    for (int64_t task = 0; task < shard.task_count(); ++task) {
      tasks_.emplace(shard.task(task).id, Place{&shard, task});
    }
  }
}

RankedItems RankingCandidates::For(int64_t task_id, std::span<const int64_t> query_items,
                                   std::span<const float> query_labels) const {
  const Place& place = tasks_.at(task_id);
  std::vector<bool> is_candidate(item_count_, true);
  for (const int64_t item : seen_.Of(place.shard->task(place.task))) is_candidate[item] = false;
  std::vector<int64_t> others;
  for (int64_t item = 0; item < item_count_; ++item) {
    if (is_candidate[item]) others.push_back(item);
  }
  if (count_ > 0 && count_ < std::ssize(others)) {
    RandomStream stream(seed_, Purpose::kNegative, /*ranking*/ ~uint64_t{0}, task_id);
    for (int64_t i = 0; i < count_; ++i) {
      std::swap(others[i], others[i + stream.NextBelow(std::ssize(others) - i)]);
    }
    others.resize(count_);
    std::sort(others.begin(), others.end());
  }
  // A task may have several events with one item; it is ranked once.
  std::map<int64_t, double> labels;
  for (size_t row = 0; row < query_items.size(); ++row) {
    double& label = labels[query_items[row]];
    label = std::max<double>(label, query_labels[row]);
  }
  RankedItems ranked;
  ranked.query_count = std::ssize(labels);
  for (const auto& [item, label] : labels) {
    ranked.items.push_back(item);
    ranked.labels.push_back(label);
  }
  ranked.items.insert(ranked.items.end(), others.begin(), others.end());
  ranked.labels.resize(ranked.items.size(), 0.0);
  return ranked;
}

}  // namespace hearth
