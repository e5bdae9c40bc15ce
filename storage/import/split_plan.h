#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "storage/import/event_record.h"
#include "storage/import/split.h"

namespace hearth {

/// The users or the items of a log: their properties that a split needs.
struct SplitSide {
  std::vector<std::string> ids;      ///< [entity]
  std::vector<int64_t> first_times;  ///< [entity] time of the first event; SplitKind::kTime only
};

/// Assigns events to train, validation and test by kRandom or kTime. split.h describes the rules.
class SplitPlan {
 public:
  /// options.kind is kRandom or kTime.
  SplitPlan(const SplitOptions& options, const SplitSide& users, const SplitSide& items,
            bool by_item);

  Split LevelOfUser(int64_t user) const { return user_levels_[user]; }
  Split LevelOfItem(int64_t item) const { return item_levels_[item]; }

  /// Sets `split` of all events of one task. The events come in their order; their users and items
  /// are indexes of the two sides given to the constructor.
  void Assign(std::span<EventRecord> task_events) const;

 private:
  /// The numbers of events held out of `count`: for test, and for test and validation together.
  /// The rounding is random, so that short histories do not always round to nothing.
  std::pair<int64_t, int64_t> HeldOutCounts(int64_t count, uint64_t task_hash) const;
  uint64_t RandomKey(const EventRecord& event) const;

  SplitOptions options_;
  bool by_item_;
  std::vector<uint64_t> user_hashes_, item_hashes_;
  std::vector<Split> user_levels_, item_levels_;
};

/// Chooses a fraction of the users marked in `candidates`, rounded to the nearest count. A random
/// key of the id decides: the smallest keys win. Returns [user] true if chosen. This gives a split
/// without a validation part its validation users.
std::vector<bool> ChooseUsers(const std::vector<std::string>& ids,
                              const std::vector<bool>& candidates, double fraction, uint64_t seed);

}  // namespace hearth
