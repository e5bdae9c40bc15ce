#include "storage/import/split_plan.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "common/error.h"
#include "common/hash.h"
#include "common/random.h"

namespace hearth {
namespace {

// First counter of the streams of Purpose::kSplit: what is drawn. Never change or reuse one.
enum Draw : uint64_t {
  kUserDraw = 1,
  kItemDraw = 2,
  kTaskDraw = 3,
  kEventDraw = 4,
  kCarveDraw = 5
};

std::vector<uint64_t> HashIds(const std::vector<std::string>& ids) {
  std::vector<uint64_t> hashes;
  hashes.reserve(ids.size());
  for (const std::string& id : ids) hashes.push_back(Xxh3(id.data(), id.size()));
  return hashes;
}

struct Ranked {
  int64_t time;  // negated, so that the latest comes first; 0 where time does not matter
  uint64_t key;
  int64_t entity;
  auto operator<=>(const Ranked&) const = default;
};

int64_t Rounded(int64_t count, double fraction) {
  return std::llround(static_cast<double>(count) * fraction);
}

/// The first `test` of all entities, by rank, are test, the next `validation` validation.
std::vector<Split> DealLevels(const SplitSide& side, const std::vector<uint64_t>& hashes,
                              bool by_time, uint64_t seed, Draw draw, double test,
                              double validation) {
  const auto count = static_cast<int64_t>(hashes.size());
  std::vector<Ranked> order;
  order.reserve(hashes.size());
  for (int64_t i = 0; i < count; ++i) {
    const auto slot = static_cast<size_t>(i);
    RandomStream stream(seed, Purpose::kSplit, draw, hashes[slot]);
    order.push_back({by_time ? -side.first_times[slot] : 0, stream.NextUint64(), i});
  }
  std::sort(order.begin(), order.end());
  std::vector<Split> levels(hashes.size(), Split::kTrain);
  const int64_t test_count = Rounded(count, test);
  const int64_t end = std::min(count, test_count + Rounded(count, validation));
  for (int64_t rank = 0; rank < end; ++rank) {
    levels[static_cast<size_t>(order[static_cast<size_t>(rank)].entity)] =
        rank < test_count ? Split::kTest : Split::kValidation;
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
  user_levels_ = DealLevels(users, user_hashes_, by_time, options.seed, kUserDraw,
                            options.test_users, options.validation_users);
  item_levels_ = DealLevels(items, item_hashes_, by_time, options.seed, kItemDraw,
                            options.test_items, options.validation_items);
}

void SplitPlan::Assign(std::span<EventRecord> task_events) const {
  if (task_events.empty()) return;
  std::vector<std::pair<uint64_t, size_t>> warm;  // (rank key, event), in order of holding out
  for (size_t i = 0; i < task_events.size(); ++i) {
    EventRecord& event = task_events[i];
    event.split = std::max(LevelOfUser(event.user), LevelOfItem(event.item));
    if (event.split == Split::kTrain) warm.emplace_back(0, i);
  }
  if (options_.kind == SplitKind::kTime) {
    std::reverse(warm.begin(), warm.end());
  } else {
    for (auto& [key, i] : warm) key = KeyOf(task_events[i]);
    std::sort(warm.begin(), warm.end());
  }
  const EventRecord& first = task_events.front();
  const uint64_t task_hash = by_item_ ? item_hashes_[first.item] : user_hashes_[first.user];
  const auto [test, both] = HeldOut(static_cast<int64_t>(warm.size()), task_hash);
  for (int64_t rank = 0; rank < both; ++rank) {
    task_events[warm[static_cast<size_t>(rank)].second].split =
        rank < test ? Split::kTest : Split::kValidation;
  }
}

std::pair<int64_t, int64_t> SplitPlan::HeldOut(int64_t count, uint64_t task_hash) const {
  const double offset =
      RandomStream(options_.seed, Purpose::kSplit, kTaskDraw, task_hash).NextDouble();
  const auto share = [count, offset](double fraction) {
    return static_cast<int64_t>(static_cast<double>(count) * fraction + offset);
  };
  return {share(options_.test_events), share(options_.test_events + options_.validation_events)};
}

uint64_t SplitPlan::KeyOf(const EventRecord& event) const {
  const uint64_t pair[] = {user_hashes_[event.user], item_hashes_[event.item]};
  return RandomStream(options_.seed, Purpose::kSplit, kEventDraw, Xxh3(pair, sizeof(pair)))
      .NextUint64();
}

std::vector<bool> ChooseUsers(const std::vector<std::string>& ids,
                              const std::vector<bool>& candidates, double fraction, uint64_t seed) {
  std::vector<std::pair<uint64_t, size_t>> order;
  for (size_t i = 0; i < ids.size(); ++i) {
    if (!candidates[i]) continue;
    RandomStream stream(seed, Purpose::kSplit, kCarveDraw, Xxh3(ids[i].data(), ids[i].size()));
    order.emplace_back(stream.NextUint64(), i);
  }
  std::sort(order.begin(), order.end());
  const int64_t chosen_count = Rounded(static_cast<int64_t>(order.size()), fraction);
  std::vector<bool> chosen(ids.size(), false);
  for (int64_t rank = 0; rank < chosen_count; ++rank) {
    chosen[order[static_cast<size_t>(rank)].second] = true;
  }
  return chosen;
}

}  // namespace hearth
