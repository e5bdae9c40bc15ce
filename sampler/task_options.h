#pragma once

#include <cstdint>

namespace hearth {

/// How a training episode picks its support size between support_min and support.
enum class SupportDraw {
  kMax,         ///< always `support` rows (fewer when the task is short)
  kUniform,     ///< uniform over support_min..support
  kLogUniform,  ///< log-uniform over support_min..support: small sets as often as large ones
};

/// Divides the events of a task into support and query.
enum class EpisodeOrder {
  kTime,    ///< support: the earliest events; query: drawn at random from later events
  kRandom,  ///< both drawn at random
  kGiven,   ///< roles of the data (kAny counts as support); a random draw when there are more
};

/// Draws negatives independently and with replacement. An item that the owner of the task has an
/// event with (SeenItems) is never drawn.
enum class NegativeSampling {
  kUniform,     ///< every item equally likely; while training, every item of the training part
  kPopularity,  ///< in proportion to the item's event count in the training part
};

/// The shape of an episode and the grouping of tasks into outer steps (config section `tasks`).
///
/// Sizes: a task of n events gives q = min(query, n - support_min) query rows and
/// s = min(drawn size, n - q) support rows, so an episode always has at least one of each.
struct TaskOptions {
  int64_t support = 20;     ///< most support rows per task; >= support_min
  int64_t support_min = 1;  ///< fewest support rows per task; 1..support
  SupportDraw support_draw = SupportDraw::kMax;
  int64_t query = 10;      ///< most query rows per task; >= 1
  int64_t min_events = 5;  ///< tasks with fewer events are left out and counted; > support_min
  EpisodeOrder order = EpisodeOrder::kTime;

  int64_t per_step = 32;  ///< tasks per outer step over all ranks; a multiple of `chunk`
  int64_t chunk = 16;     ///< tasks per chunk (the last chunk of a shard may be smaller); >= 1

  int64_t negatives = 0;  ///< negatives per support and query row; 0 = none
  /// False: negatives stand beside their row, for a pairwise loss. True: they are further rows of
  /// label 0, for a pointwise loss. The loss decides (NegativesAreRows), no config key does.
  bool negatives_are_rows = false;
  NegativeSampling negative_sampling = NegativeSampling::kUniform;

  /// Share of training chunks in which all item ids are hidden: tasks whose items are all new.
  /// Config key model.id_dropout. [0, 1)
  double hidden_item_share = 0.0;

  int64_t shard_window = 4;  ///< shards that tasks are drawn from at once; >= 1
};

}  // namespace hearth
