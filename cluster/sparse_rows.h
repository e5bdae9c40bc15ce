#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "cluster/byte_message.h"
#include "cluster/row_request.h"
#include "cluster/wire.h"
#include "common/error.h"
#include "common/id_groups.h"

namespace hearth {

/// Table rows of one embedding table; an id may stand more than once.
template <typename Number>
struct SparseRows {
  std::vector<int64_t> ids;
  std::vector<Number> rows;  ///< [id, dim]
};

/// A unit converts values to the numbers that are added. FixedPoint adds int64 multiples of itself,
/// so that the order of additions does not matter. Unrounded adds the values unchanged.
struct Unrounded {
  template <typename Real>
  Real FromReal(Real value) const {
    return value;
  }
  template <typename Real>
  Real ToReal(Real sum) const {
    return sum;
  }
};

template <typename Unit, typename Real>
using NumberOf = decltype(std::declval<Unit>().FromReal(Real{}));

template <typename Real, typename Unit>
std::vector<Real> ToReals(const Unit& unit, std::span<const NumberOf<Unit, Real>> sums) {
  std::vector<Real> values(sums.size());
  for (size_t i = 0; i < sums.size(); ++i) values[i] = unit.template ToReal<Real>(sums[i]);
  return values;
}
template <typename Real, typename Unit>
SparseRows<Real> ToReals(const Unit& unit, SparseRows<NumberOf<Unit, Real>> sums) {
  if constexpr (std::is_same_v<Unit, Unrounded>) return sums;
  return {std::move(sums.ids), ToReals<Real>(unit, std::span(sums.rows))};
}

/// Adds the vectors of `values` [vector, length] to sums [length].
template <typename Unit, typename Real>
void AddVectors(const Unit& unit, std::span<const Real> values, int64_t length,
                NumberOf<Unit, Real>* __restrict sums) {
  for (const Real* vector = values.data(); vector != values.data() + values.size();
       vector += length) {
    for (int64_t i = 0; i < length; ++i) sums[i] += unit.FromReal(vector[i]);
  }
}

/// Adds the rows of each id, in list order, into one row. The ids of the result ascend.
template <typename Unit, typename Real>
SparseRows<NumberOf<Unit, Real>> MergeRows(const Unit& unit, const SparseRows<Real>& rows,
                                           int64_t dim) {
  IdGroups groups(rows.ids);
  SparseRows<NumberOf<Unit, Real>> merged;
  merged.rows.resize(groups.size() * dim);
  SumRowsByGroup(
      groups, rows.rows.data(), dim, [&](Real x) { return unit.FromReal(x); }, merged.rows.data());
  merged.ids = std::move(groups).TakeIds();
  return merged;
}

/// The contribution of a rank to a row that it asked for. It travels with the row.
enum class RowState : uint8_t {
  kUntouched,  ///< nothing
  kOneChunk,   ///< the values of its only chunk
  kSum,        ///< the sum of several chunks, in numbers of the unit
};
inline RowState StateOf(int64_t chunk_count) {
  if (chunk_count == 0) return RowState::kUntouched;
  return chunk_count == 1 ? RowState::kOneChunk : RowState::kSum;
}

/// Returns [asked] the positions of each asked id in the list, none if no chunk has the id. `asked`
/// ascends. An id of the list that was not asked for is a bug.
std::vector<std::span<const int64_t>> PlacesOfRows(const IdGroups& groups,
                                                   std::span<const int64_t> asked, int64_t table);

/// Sums this rank's rows of one table and writes the sums for the owners of the rows. An owner gets
/// a state for each row that this rank asked of it, then the rows with a contribution. `local`:
/// rows of the rank's chunks, an id as often as chunks have it. Multiples of a unit travel in full
/// (TableShape::wire).
template <typename Unit, typename Real>
void WriteRowSums(const Unit& unit, const SparseRows<Real>& local, const TableShape& shape,
                  const RowRequest& request, int64_t table, std::vector<MessageWriter>& to_owner) {
  HEARTH_CHECK((std::is_same_v<Unit, Unrounded>) || shape.wire == Wire::kFull);
  const IdGroups groups(local.ids);
  const std::vector<std::span<const int64_t>> sources =
      PlacesOfRows(groups, request.ids(table), table);
  const int64_t dim = shape.dim;
  std::vector<NumberOf<Unit, Real>> sum(dim);
  for (int owner = 0; owner < std::ssize(to_owner); ++owner) {
    MessageWriter& message = to_owner[owner];
    const std::span<const int64_t> of_owner = request.PlacesOf(table, owner);
    for (const int64_t i : of_owner) message.AppendValue(StateOf(std::ssize(sources[i])));
    for (const int64_t i : of_owner) {
      const std::span<const int64_t> chunks = sources[i];
      const auto row_at = [&](int64_t place) {
        return std::span(local.rows).subspan(place * dim, dim);
      };
      if (chunks.empty()) continue;
      if (chunks.size() == 1) {
        AppendRows(row_at(chunks.front()), shape.wire, message);
        continue;
      }
      std::ranges::fill(sum, NumberOf<Unit, Real>{0});
      for (const int64_t place : chunks) AddVectors(unit, row_at(place), shape.dim, sum.data());
      AppendRows(std::span<const NumberOf<Unit, Real>>(sum), shape.wire, message);
    }
  }
}

/// Reads, at the owner, the message of WriteRowSums from a rank that asked for `asked`. Appends the
/// rows with a contribution to `rows`.
template <typename Real, typename Unit>
void ReadRowSums(const Unit& unit, const TableShape& shape, std::span<const int64_t> asked,
                 MessageReader& message, SparseRows<NumberOf<Unit, Real>>& rows) {
  const int64_t dim = shape.dim;
  const auto states = message.ReadList<RowState>(std::ssize(asked));
  std::vector<Real> values(dim);
  for (size_t i = 0; i < asked.size(); ++i) {
    if (states[i] == RowState::kUntouched) continue;
    rows.ids.push_back(asked[i]);
    rows.rows.resize(rows.rows.size() + dim);
    const auto to = std::span(rows.rows).last(dim);
    if (states[i] == RowState::kSum) {
      ReadRows(message, shape.wire, to);
    } else {
      ReadRows(message, shape.wire, std::span(values));
      for (int64_t d = 0; d < dim; ++d) to[d] = unit.FromReal(values[d]);
    }
  }
}

}  // namespace hearth
