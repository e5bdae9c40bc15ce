#include "storage/import/split_plan.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "common/error.h"
#include "common/hash.h"
#include "common/random.h"

namespace hearth {
namespace {

// The first counter of a stream of Purpose::kSplit. Never change a value or use one twice.
enum Draw : uint64_t {
  kUserDraw = 1,            // rank of a user
  kItemDraw = 2,            // rank of an item
  kTaskDraw = 3,            // rounding of a task's held-out counts
  kEventDraw = 4,           // rank of an event inside its task
  kValidationUserDraw = 5,  // ChooseUsers
};

std::vector<uint64_t> HashIds(const std::vector<std::string>& ids) {
  std::vector<uint64_t> hashes;
  hashes.reserve(ids.size());
  for (const std::string& id : ids) hashes.push_back(Xxh3(id.data(), id.size()));
  return hashes;
}

struct RankedEntity {
  int64_t time;  // negated, so that the latest comes first; 0 for a split without times
  uint64_t key;
  int64_t entity;
  auto operator<=>(const RankedEntity&) const = default;
};

int64_t RoundedShare(int64_t count, double fraction) {
  return std::llround(static_cast<double>(count) * fraction);
}

/// The level of each entity. The fraction `test` of the entities, first by rank, is test; the
/// following fraction `validation` is validation; the rest is training.
std::vector<Split> AssignLevels(const SplitSide& side, const std::vector<uint64_t>& hashes,
                                bool by_time, uint64_t seed, Draw draw, double test,
                                double validation) {
  const int64_t count = std::ssize(hashes);
  std::vector<RankedEntity> order;
  order.reserve(count);
  for (int64_t i = 0; i < count; ++i) {
    RandomStream stream(seed, Purpose::kSplit, draw, hashes[i]);
    order.push_back({by_time ? -side.first_times[i] : 0, stream.NextUint64(), i});
  }
  std::sort(order.begin(), order.end());
  std::vector<Split> levels(count, Split::kTrain);
  const int64_t test_count = RoundedShare(count, test);
  const int64_t end = std::min(count, test_count + RoundedShare(count, validation));
  for (int64_t rank = 0; rank < end; ++rank) {
    levels[order[rank].entity] = rank < test_count ? Split::kTest : Split::kValidation;
  }
  return levels;
}

}  // namespace

SplitPlan::SplitPlan(const SplitOptions& options, const SplitSide& users, const SplitSide& items,
                     bool by_item)
    : options_(options),
      by_item_(by_item),
      user_hashes_(HashIds(users.ids)),
      item_hashes_(HashIds(items.ids)) {
  HEARTH_CHECK(options.kind == SplitKind::kRandom || options.kind == SplitKind::kTime);
  const bool by_time = options.kind == SplitKind::kTime;
  user_levels_ = AssignLevels(users, user_hashes_, by_time, options.seed, kUserDraw,
                              options.test_users, options.validation_users);
  item_levels_ = AssignLevels(items, item_hashes_, by_time, options.seed, kItemDraw,
                              options.test_items, options.validation_items);
}

void SplitPlan::Assign(std::span<EventRecord> task_events) const {
  if (task_events.empty()) return;
  // (key, event) of the training events; the first ones after ordering are held out.
  std::vector<std::pair<uint64_t, size_t>> train_events;
  for (size_t i = 0; i < task_events.size(); ++i) {
    EventRecord& event = task_events[i];
    event.split = std::max(LevelOfUser(event.user), LevelOfItem(event.item));
    if (event.split == Split::kTrain) train_events.emplace_back(0, i);
  }
  if (options_.kind == SplitKind::kTime) {
    std::reverse(train_events.begin(), train_events.end());
  } else {
    for (auto& [key, i] : train_events) key = RandomKey(task_events[i]);
    std::sort(train_events.begin(), train_events.end());
  }
  const EventRecord& first = task_events.front();
  const uint64_t task_hash = by_item_ ? item_hashes_[first.item] : user_hashes_[first.user];
  const auto [test_count, held_out_count] = HeldOutCounts(std::ssize(train_events), task_hash);
  for (int64_t rank = 0; rank < held_out_count; ++rank) {
    EventRecord& event = task_events[train_events[rank].second];
    event.split = rank < test_count ? Split::kTest : Split::kValidation;
  }
}

std::pair<int64_t, int64_t> SplitPlan::HeldOutCounts(int64_t count, uint64_t task_hash) const {
  const double offset =
      RandomStream(options_.seed, Purpose::kSplit, kTaskDraw, task_hash).NextDouble();
  const auto share = [count, offset](double fraction) {
    return static_cast<int64_t>(static_cast<double>(count) * fraction + offset);
  };
  return {share(options_.test_events), share(options_.test_events + options_.validation_events)};
}

uint64_t SplitPlan::RandomKey(const EventRecord& event) const {
  const uint64_t pair[] = {user_hashes_[event.user], item_hashes_[event.item]};
  return RandomStream(options_.seed, Purpose::kSplit, kEventDraw, Xxh3(pair, sizeof(pair)))
      .NextUint64();
}

std::vector<bool> ChooseUsers(const std::vector<std::string>& ids,
                              const std::vector<bool>& candidates, double fraction, uint64_t seed) {
  std::vector<std::pair<uint64_t, size_t>> order;
  for (size_t i = 0; i < ids.size(); ++i) {
    if (!candidates[i]) continue;
    RandomStream stream(seed, Purpose::kSplit, kValidationUserDraw,
                        Xxh3(ids[i].data(), ids[i].size()));
    order.emplace_back(stream.NextUint64(), i);
  }
  std::sort(order.begin(), order.end());
  const int64_t chosen_count = RoundedShare(std::ssize(order), fraction);
  std::vector<bool> chosen(ids.size(), false);
  for (int64_t rank = 0; rank < chosen_count; ++rank) chosen[order[rank].second] = true;
  return chosen;
}

}  // namespace hearth
