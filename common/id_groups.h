#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "common/prefetch.h"

namespace hearth {

/// The least and the greatest id of a list.
struct IdRange {
  int64_t least, greatest;
};
/// `ids` must not be empty.
IdRange RangeOf(std::span<const int64_t> ids);

/// Returns true if every id is greater than the one before, so that none stands twice.
bool Ascends(std::span<const int64_t> ids);

/// Groups the equal ids of a list: it holds the distinct ids, ascending, and the positions of each
/// in the list. Sparse rows need this: one table row per distinct id, and a sum over equal ids in
/// list order.
///
/// Lists of some hundred ids and more take linear time (radix sort), unless the ids span nearly
/// all of int64.
class IdGroups {
 public:
  /// Takes any ids; the list may have duplicates or be empty.
  explicit IdGroups(std::span<const int64_t> ids);

  /// Returns [group] the distinct ids, ascending.
  const std::vector<int64_t>& ids() const { return ids_; }
  int64_t size() const { return std::ssize(ids_); }

  /// Returns the positions in the list that hold ids()[group], ascending; there is at least one.
  std::span<const int64_t> Places(int64_t group) const {
    const int64_t begin = begins_[group];
    return std::span(places_).subspan(begin, begins_[group + 1] - begin);
  }
  /// places() holds the positions of all groups, one group after the other. begins() holds the
  /// begin of each group in places(), and one more element, the end.
  std::span<const int64_t> places() const { return places_; }
  std::span<const int64_t> begins() const { return begins_; }

  /// Returns [position in the list] its group: ids()[GroupOfEach()[i]] is the i-th id of the list.
  std::vector<int64_t> GroupOfEach() const;

  /// Moves the distinct ids out, for a caller that keeps nothing else.
  std::vector<int64_t> TakeIds() && { return std::move(ids_); }

 private:
  // Fills ids_ and begins_; id_at(i): the id at places_[i].
  template <typename IdAt>
  void FindGroups(const IdAt& id_at);

  std::vector<int64_t> ids_;           // [group]
  std::vector<int64_t> begins_ = {0};  // [group + 1] into places_
  std::vector<int64_t> places_;        // [position in the list]
};

/// Sums rows [place, dim] by group. For each group in turn it adds convert(rows[place]) over the
/// places of the group, in list order, into sum_at(group) [dim], and then calls visit(group).
template <typename Source, typename Convert, typename SumAt, typename Visit>
void VisitGroupSums(const IdGroups& groups, const Source* rows, int64_t dim, const Convert& convert,
                    const SumAt& sum_at, const Visit& visit) {
  // Rows of a large batch come from beyond the second-level cache, in an order that the hardware
  // cannot predict.
  constexpr int64_t kAhead = 16;
  const std::span<const int64_t> places = groups.places();
  const auto prefetch = [&](int64_t next) __attribute__((always_inline)) {
    if (next < std::ssize(places)) Prefetch(rows + places[next] * dim, dim);
  };
  for (int64_t next = 0; next < kAhead; ++next) prefetch(next);
  int64_t next = kAhead;
  for (int64_t group = 0; group < groups.size(); ++group) {
    const std::span<const int64_t> of_group = groups.Places(group);
    const Source* __restrict first = rows + of_group.front() * dim;
    auto* __restrict sum = sum_at(group);
    for (int64_t i = 0; i < dim; ++i) sum[i] = convert(first[i]);
    prefetch(next++);
    for (const int64_t place : of_group.subspan(1)) {
      const Source* __restrict row = rows + place * dim;
      for (int64_t i = 0; i < dim; ++i) sum[i] += convert(row[i]);
      prefetch(next++);
    }
    visit(group);
  }
}

/// Writes the sums of all groups to sums [groups, dim].
template <typename Number, typename Source, typename Convert>
void SumRowsByGroup(const IdGroups& groups, const Source* rows, int64_t dim, const Convert& convert,
                    Number* sums) {
  VisitGroupSums(
      groups, rows, dim, convert, [&](int64_t group) { return sums + group * dim; },
      [](int64_t) {});
}

}  // namespace hearth
