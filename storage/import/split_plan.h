#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "storage/import/event_record.h"
#include "storage/import/split.h"

namespace hearth {

/// The users or the items of a log, as far as a split asks.
struct SplitSide {
  std::vector<std::string> ids;      ///< [entity]
  std::vector<int64_t> first_times;  ///< [entity] time of the first event; SplitKind::kTime only
};

/// Deals events to train, validation and test by `kRandom` or `kTime` (split.h has the rules).
class SplitPlan {
 public:
  /// options.kind is kRandom or kTime.
  SplitPlan(const SplitOptions& options, const SplitSide& users, const SplitSide& items,
            bool by_item);

  Split LevelOfUser(int64_t user) const { return user_levels_[static_cast<size_t>(user)]; }
  Split LevelOfItem(int64_t item) const { return item_levels_[static_cast<size_t>(item)]; }

  /// Sets `split` of all events of one task, given in their order. User and item of the records
  /// are indexes of the sides this plan was made for.
  void Assign(std::span<EventRecord> task_events) const;

 private:
  /// How much of `count` events is held out for test, and for test and validation together.
  /// Rounded at random, so that short histories do not always round to nothing.
  std::pair<int64_t, int64_t> HeldOut(int64_t count, uint64_t task_hash) const;
  uint64_t KeyOf(const EventRecord& event) const;

  SplitOptions options_;
  bool by_item_;
  std::vector<uint64_t> user_hashes_, item_hashes_;
  std::vector<Split> user_levels_, item_levels_;
};

/// `count` * `fraction` (rounded) of the entities in `candidates`, those with the smallest random
/// key of their id: [entity] true when chosen. Used to carve validation users out of a given split.
std::vector<bool> ChooseUsers(const std::vector<std::string>& ids,
                              const std::vector<bool>& candidates, double fraction, uint64_t seed);

}  // namespace hearth
