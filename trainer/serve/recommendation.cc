#include "trainer/serve/recommendation.h"

#include <algorithm>
#include <numeric>
#include <unordered_set>

#include "common/error.h"
#include "trainer/serve/adapt_users.h"
#include "trainer/table/sharded_tables.h"

namespace hearth {
namespace {

constexpr int64_t kItemsPerBlock = 16384;

// True when `a` stands before `b` in a list.
bool IsBetter(const Recommendation& a, const Recommendation& b) {
  if (a.score != b.score) return a.score > b.score;
  return a.item < b.item;
}

// Adds a block of items to `best` and keeps the top_k best ones.
void KeepBest(std::span<const int64_t> items, const std::vector<double>& scores, int64_t top_k,
              std::vector<Recommendation>& best) {
  for (size_t i = 0; i < items.size(); ++i) best.push_back({items[i], scores[i]});
  const auto count = std::min(std::ssize(best), top_k);
  std::partial_sort(best.begin(), best.begin() + count, best.end(), IsBetter);
  best.resize(count);
}

// Gives every rank the lists of all users. `lists` [user]: full for the users of this rank, empty
// for the others.
void GatherLists(Communicator& communicator, std::vector<std::vector<Recommendation>>& lists) {
  if (communicator.world_size() == 1) return;
  std::vector<int64_t> sizes;
  std::vector<Recommendation> own;
  for (const auto& list : lists) {
    sizes.push_back(std::ssize(list));
    own.insert(own.end(), list.begin(), list.end());
  }
  communicator.AllReduce(std::span(sizes), ReduceOp::kMax);
  std::vector<int64_t> counts;
  const auto all = communicator.AllGather(std::span<const Recommendation>(own), &counts);
  std::vector<int64_t> next(counts.size(), 0);
  for (size_t rank = 1; rank < counts.size(); ++rank) {
    next[rank] = next[rank - 1] + counts[rank - 1];
  }
  for (size_t u = 0; u < lists.size(); ++u) {
    int64_t& begin = next[u % counts.size()];
    lists[u].assign(all.begin() + begin, all.begin() + begin + sizes[u]);
    begin += sizes[u];
  }
}

}  // namespace

std::vector<std::vector<Recommendation>> Recommend(
    const Learner& learner, const MetaParameters& parameters, const DataBinding& data,
    std::span<const SupportSet> users, std::span<const TaskState> states,
    const RecommendOptions& options, Communicator& communicator) {
  HEARTH_CHECK(users.size() == states.size(), "{} users, {} adapted", users.size(), states.size());
  std::vector<std::vector<Recommendation>> lists(users.size());
  std::vector<int64_t> own, owners;
  std::vector<std::unordered_set<int64_t>> excluded;
  for (int64_t u = 0; u < std::ssize(users); ++u) {
    if (!IsOwnUser(u, communicator)) continue;
    own.push_back(u);
    owners.push_back(users[u].owner);
    auto& seen = excluded.emplace_back();
    if (options.exclude_seen) seen.insert(users[u].items.begin(), users[u].items.end());
  }
  const int64_t item_count = data.items().entity_count();
  for (int64_t begin = 0; begin < item_count; begin += kItemsPerBlock) {
    std::vector<int64_t> block(std::min(kItemsPerBlock, item_count - begin));
    std::iota(block.begin(), block.end(), begin);
    const FetchedRows fetched =
        FetchTableRows(communicator, data.builder().TableRowsOf(owners, block), parameters);
    for (size_t i = 0; i < own.size(); ++i) {
      std::vector<int64_t> items = block;
      std::erase_if(items, [&](int64_t item) { return excluded[i].contains(item); });
      const std::vector<double> scores =
          learner.ScoreItems(parameters, data.builder(), states[own[i]], owners[i], items, fetched);
      KeepBest(items, scores, options.top_k, lists[own[i]]);
    }
  }
  GatherLists(communicator, lists);
  return lists;
}

}  // namespace hearth
