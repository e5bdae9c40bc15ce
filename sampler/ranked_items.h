#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "sampler/seen_items.h"
#include "storage/shard/dataset.h"

namespace hearth {

/// Items to rank for one task, and the ones that should come first.
struct RankedItems {
  std::vector<int64_t> items;  ///< the items of the query events, then the others, ascending
  std::vector<double> labels;  ///< the largest label of the query events with the item; else 0
  int64_t query_count = 0;     ///< items of query events
};

/// The candidates of the tasks of one part, in a log of positive events: every item of the data set
/// that its owner has no event with (SeenItems), beside the items of its query events. Thread safe
/// after construction.
class RankingCandidates {
 public:
  /// `count`: candidates without an event per task, drawn by (seed, task); 0: all of them.
  /// `dataset` must outlive this object.
  RankingCandidates(const Dataset& dataset, Part part, int64_t count, uint64_t seed);

  /// `query_items`, `query_labels`: of the query events of the task, which must be one of the part.
  RankedItems For(int64_t task_id, std::span<const int64_t> query_items,
                  std::span<const float> query_labels) const;

 private:
  struct Place {
    const ShardReader* shard;
    int64_t task;
  };

  int64_t item_count_, count_;
  uint64_t seed_;
  SeenItems seen_;
  std::unordered_map<int64_t, Place> tasks_;  // [task id] in the part
};

}  // namespace hearth
