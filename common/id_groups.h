#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "common/prefetch.h"

namespace hearth {

struct IdRange {
  int64_t least, greatest;
};
/// Of a list that is not empty.
IdRange RangeOf(std::span<const int64_t> ids);

/// Whether every id is greater than the one before: ordered, none twice.
bool Ascends(std::span<const int64_t> ids);

/// Equal ids of a list brought together: the distinct ids, ascending, and where each of them stands
/// in the list. What sparse rows need: one row per distinct id, and a sum over equal ids whose
/// order is that of the list.
///
/// Linear time for lists of some hundred ids and more (radix sort) unless the ids span nearly all
/// of int64.
class IdGroups {
 public:
  /// Any ids, duplicates and none allowed.
  explicit IdGroups(std::span<const int64_t> ids);

  /// [group] the distinct ids, ascending.
  const std::vector<int64_t>& ids() const { return ids_; }
  int64_t size() const { return static_cast<int64_t>(ids_.size()); }

  /// Positions in the list that hold ids()[group], ascending; never empty.
  std::span<const int64_t> Places(int64_t group) const {
    const auto begin = static_cast<size_t>(begins_[static_cast<size_t>(group)]);
    const auto end = static_cast<size_t>(begins_[static_cast<size_t>(group) + 1]);
    return std::span(places_).subspan(begin, end - begin);
  }
  /// The places of all groups, one group after the other, and where each group begins there;
  /// begins() has one element more, the end.
  std::span<const int64_t> places() const { return places_; }
  std::span<const int64_t> begins() const { return begins_; }

  /// [position in the list] its group: ids()[GroupOfEach()[i]] is the i-th id of the list.
  std::vector<int64_t> GroupOfEach() const;

  /// The distinct ids, for a caller that keeps nothing else.
  std::vector<int64_t> TakeIds() && { return std::move(ids_); }

 private:
  // Fills ids_ and begins_; id_at(i): the id at places_[i].
  template <typename IdAt>
  void FindGroups(const IdAt& id_at);

  std::vector<int64_t> ids_;           // [group]
  std::vector<int64_t> begins_ = {0};  // [group + 1] into places_
  std::vector<int64_t> places_;        // [position in the list]
};

/// For every group in turn: sum_at(group) [dim] = convert(rows[place]), added over the places of
/// the group in the order they stand in the list; then visit(group). rows [place, dim].
template <typename Source, typename Convert, typename SumAt, typename Visit>
void VisitGroupSums(const IdGroups& groups, const Source* rows, int64_t dim, const Convert& convert,
                    const SumAt& sum_at, const Visit& visit) {
  // Rows of a large batch come from beyond the second-level cache, in no order the hardware sees.
  constexpr int64_t kAhead = 16;
  const std::span<const int64_t> places = groups.places();
  const auto prefetch = [&](int64_t next) __attribute__((always_inline)) {
    if (next < std::ssize(places)) Prefetch(rows + places[static_cast<size_t>(next)] * dim, dim);
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

/// The sums of all groups: sums [groups, dim].
template <typename Number, typename Source, typename Convert>
void SumRowsByGroup(const IdGroups& groups, const Source* rows, int64_t dim, const Convert& convert,
                    Number* sums) {
  VisitGroupSums(
      groups, rows, dim, convert, [&](int64_t group) { return sums + group * dim; },
      [](int64_t) {});
}

}  // namespace hearth
