#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "storage/shard/dataset.h"

namespace hearth {

/// Order statistics by nearest rank; all 0 when there is no count.
struct Quantiles {
  int64_t min = 0, median = 0, p95 = 0, max = 0;
};

/// Support sizes of the episode counts; every episode has kQueryEvents query events.
inline constexpr std::array<int64_t, 5> kShots = {1, 3, 5, 10, 20};
inline constexpr int64_t kQueryEvents = 10;
/// Limits of the cold-start counts.
inline constexpr std::array<int64_t, 4> kColdLimits = {1, 5, 10, 20};

struct PartSummary {
  Part part;
  int64_t shard_count = 0, task_count = 0, event_count = 0;
  Quantiles events_per_task;
  /// [shot] The number of tasks with enough events for kShots[i] support and kQueryEvents query
  /// events. Events with a given role keep it.
  std::array<int64_t, kShots.size()> episode_count{};
};

/// One feature of the users or of the items.
struct FeatureSummary {
  std::string name;
  FeatureKind kind = FeatureKind::kCategory;
  int64_t size = 0;     ///< categories of the vocabulary, without ""; kVector: its width
  int64_t covered = 0;  ///< entities with a value
  int64_t count = 0;    ///< entities
};

/// The events of one side: the users or the items.
struct SideSummary {
  int64_t count = 0;            ///< entities
  Quantiles events_per_entity;  ///< over all entities, even if they have no events
  /// [limit] Entities with fewer than kColdLimits[i] events.
  std::array<int64_t, kColdLimits.size()> cold_count{};
  std::vector<FeatureSummary> features;
};

/// Labels in [low, high); the last bin includes `high`. A bin of one value has low == high.
struct LabelBin {
  float low = 0, high = 0;
  int64_t count = 0;
};

struct DatasetSummary {
  std::string name, task_by;
  SideSummary users, items;
  int64_t event_count = 0;
  double sparsity = 0;  ///< 1 - events / (users x items)
  bool has_time = false;
  int64_t time_min = 0, time_max = 0;  ///< seconds since 1970, if has_time and there are events
  double label_mean = 0;
  /// A bin for each value when there are at most 20 values, else 10 equal bins of the manifest's
  /// range.
  std::vector<LabelBin> labels;
  int64_t top_item_count = 0;      ///< 1 % of the items, at least one
  double top_item_share = 0;       ///< of all events
  std::vector<PartSummary> parts;  ///< parts with shards, in the order of AllParts()
};

std::vector<FeatureSummary> DescribeFeatures(const EntityTable& table);

/// Reads all events once. Throws like Dataset::Shard.
DatasetSummary DescribeDataset(const Dataset& dataset);

}  // namespace hearth
