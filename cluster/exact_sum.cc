#include "cluster/exact_sum.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>

#include "cluster/fixed_point.h"
#include "common/error.h"
#include "common/id_groups.h"
#include "common/text.h"

namespace hearth {
namespace {

// Every rank speaks, so that all raise the same error. Collective.
[[noreturn]] void RefuseNonFinite(Communicator& communicator, const std::string& where) {
  std::vector<std::string> places;
  const std::vector<std::string> texts = AllGatherText(communicator, where);
  for (size_t rank = 0; rank < texts.size(); ++rank) {
    if (!texts[rank].empty()) places.push_back(fmt::format("rank {}: {}", rank, texts[rank]));
  }
  throw NumericError(
      "sum over chunks: a value is not finite ({}); lower the learning rates or clip",
      Join(places, "; "));
}

// Magnitudes order like their bits. Not finite if any value is not.
template <typename Real>
Real LargestMagnitude(std::span<const Real> values) {
  using Bits = std::conditional_t<sizeof(Real) == 4, uint32_t, uint64_t>;
  constexpr Bits kWithoutSign = std::numeric_limits<Bits>::max() >> 1;
  Bits largest = 0;
  for (const Real value : values) {
    largest = std::max(largest, std::bit_cast<Bits>(value) & kWithoutSign);
  }
  return std::bit_cast<Real>(largest);
}

// The first value that is not finite and its place, or "". name_of(i): words for the i-th vector.
template <typename Real, typename NameOf>
std::string FirstNonFinite(std::span<const Real> values, int64_t length, const NameOf& name_of) {
  const auto bad = std::ranges::find_if(values, [](Real x) { return !std::isfinite(x); });
  if (bad == values.end()) return {};
  const int64_t position = bad - values.begin();
  return fmt::format("{} in {}, element {}", *bad, name_of(position / length), position % length);
}

// The unit all ranks use for these values, vectors of `length`. Collective.
template <typename Real, typename NameOf>
FixedPoint AgreeOnUnit(Communicator& communicator, std::span<const Real> values, int64_t length,
                       int64_t terms, const NameOf& name_of) {
  const double largest{LargestMagnitude(values)};
  std::array<double, 2> agreed = {0.0, 1.0};  // largest, not finite
  if (std::isfinite(largest)) agreed = {largest, 0.0};
  communicator.AllReduce(std::span<double>(agreed), ReduceOp::kMax);
  if (agreed[1] > 0) {
    RefuseNonFinite(communicator, FirstNonFinite(values, length, name_of));
  }
  return FixedPoint(agreed[0], terms);
}

template <typename Real>
void RequireFiniteSum(std::span<const Real> sum) {
  if (std::isfinite(LargestMagnitude(sum))) return;
  throw NumericError("sum over chunks: beyond the range of a {}-bit float ({})", 8 * sizeof(Real),
                     FirstNonFinite(sum, std::ssize(sum), [](int64_t) { return "the sum"; }));
}

// The head-room of exact mode counts one row of an id per chunk.
void RequireUnique(std::span<const int64_t> ids) {
  if (Ascends(ids)) return;
  const IdGroups groups(ids);
  for (int64_t group = 0; group < groups.size(); ++group) {
    HEARTH_CHECK(groups.Places(group).size() == 1, "id {} twice in a chunk",
                 groups.ids()[static_cast<size_t>(group)]);
  }
}

// The rows of one rank or of several, one after the other, with their ids.
template <typename Number>
struct Rows {
  std::vector<int64_t> ids;
  std::vector<Number> rows;  // [id, dim]
};

// Rows of equal id become one, added in the order they stand in; ids ascend.
template <typename Number, typename Source, typename Convert>
Rows<Number> MergeRows(std::span<const int64_t> ids, std::span<const Source> rows, int64_t dim,
                       const Convert& convert) {
  IdGroups groups(ids);
  Rows<Number> merged;
  merged.rows.resize(static_cast<size_t>(groups.size() * dim));
  SumRowsByGroup(groups, rows.data(), dim, convert, merged.rows.data());
  merged.ids = std::move(groups).TakeIds();
  return merged;
}

// All ranks' rows, merged. Collective.
template <typename Number>
Rows<Number> GatherRows(Communicator& communicator, const Rows<Number>& local, int64_t dim) {
  Rows<Number> all = {.ids = communicator.AllGather<int64_t>(local.ids),
                      .rows = communicator.AllGather<Number>(local.rows)};
  if (Ascends(all.ids)) return all;  // the rows of one rank alone
  return MergeRows<Number, Number>(all.ids, all.rows, dim, [](Number x) { return x; });
}

}  // namespace

template <typename Real>
SumOverChunks<Real>::SumOverChunks(int64_t length, ReduceMode mode) : length_(length), mode_(mode) {
  HEARTH_CHECK(length >= 0, "length {}", length);
}

template <typename Real>
void SumOverChunks<Real>::Add(std::span<const Real> values) {
  HEARTH_CHECK(std::ssize(values) == length_, "{} values of {}", values.size(), length_);
  values_.insert(values_.end(), values.begin(), values.end());
  ++chunk_count_;
}

template <typename Real>
void SumOverChunks<Real>::Reduce(Communicator& communicator, int64_t global_chunk_count,
                                 std::span<Real> out) {
  HEARTH_CHECK(std::ssize(out) == length_, "{} values of {}", out.size(), length_);
  std::vector<Real> values = std::exchange(values_, {});
  const int64_t chunk_count = std::exchange(chunk_count_, 0);
  const FixedPoint fixed =
      AgreeOnUnit(communicator, std::span<const Real>(values), length_, global_chunk_count,
                  [](int64_t chunk) { return fmt::format("chunk {}", chunk); });

  if (mode_ == ReduceMode::kFast) {
    std::ranges::fill(out, Real{0});
    for (int64_t i = 0; i < std::ssize(values); ++i) {
      out[static_cast<size_t>(i % length_)] += values[static_cast<size_t>(i)];
    }
    communicator.AllReduce(out, ReduceOp::kSum);
  } else {
    // The last element counts chunks: more of them than announced could overflow.
    std::vector<int64_t> sums(static_cast<size_t>(length_) + 1);
    sums.back() = chunk_count;
    for (int64_t chunk = 0; chunk < chunk_count; ++chunk) {
      const Real* chunk_values = values.data() + chunk * length_;
      for (int64_t i = 0; i < length_; ++i) {
        sums[static_cast<size_t>(i)] += fixed.FromReal(chunk_values[i]);
      }
    }
    communicator.AllReduce(std::span(sums), ReduceOp::kSum);
    HEARTH_CHECK(sums.back() == global_chunk_count, "{} chunks, {} announced", sums.back(),
                 global_chunk_count);
    for (int64_t i = 0; i < length_; ++i) {
      const auto index = static_cast<size_t>(i);
      out[index] = fixed.ToReal<Real>(sums[index]);
    }
  }
  RequireFiniteSum(std::span<const Real>(out));
  values.clear();
  values_ = std::move(values);  // keeps its memory for the next step
}

template <typename Real>
RowSumOverChunks<Real>::RowSumOverChunks(int64_t dim, ReduceMode mode) : dim_(dim), mode_(mode) {
  HEARTH_CHECK(dim >= 1, "dim {}", dim);
}

template <typename Real>
void RowSumOverChunks<Real>::Add(std::span<const int64_t> ids, std::span<const Real> rows) {
  HEARTH_CHECK(std::ssize(rows) == std::ssize(ids) * dim_, "{} values for {} rows of {}",
               rows.size(), ids.size(), dim_);
  RequireUnique(ids);
  ids_.insert(ids_.end(), ids.begin(), ids.end());
  rows_.insert(rows_.end(), rows.begin(), rows.end());
  ++chunk_count_;
}

template <typename Real>
RowSum<Real> RowSumOverChunks<Real>::Reduce(Communicator& communicator,
                                            int64_t global_chunk_count) {
  const std::vector<int64_t> ids = std::exchange(ids_, {});
  const std::vector<Real> rows = std::exchange(rows_, {});
  const int64_t chunk_count = std::exchange(chunk_count_, 0);
  HEARTH_CHECK(chunk_count <= global_chunk_count, "{} chunks here, {} announced", chunk_count,
               global_chunk_count);
  const std::span<const Real> values(rows);
  const FixedPoint fixed = AgreeOnUnit(
      communicator, values, dim_, global_chunk_count,
      [&](int64_t row) { return fmt::format("the row of id {}", ids[static_cast<size_t>(row)]); });

  RowSum<Real> sum;
  if (mode_ == ReduceMode::kFast) {
    const auto local = MergeRows<Real>(std::span(ids), values, dim_, [](Real x) { return x; });
    Rows<Real> all = GatherRows(communicator, local, dim_);
    sum = {std::move(all.ids), std::move(all.rows)};
  } else {
    const auto local =
        MergeRows<int64_t>(std::span(ids), values, dim_, [&](Real x) { return fixed.FromReal(x); });
    Rows<int64_t> all = GatherRows(communicator, local, dim_);
    sum.ids = std::move(all.ids);
    sum.rows.resize(all.rows.size());
    std::ranges::transform(all.rows, sum.rows.begin(),
                           [&](int64_t value) { return fixed.ToReal<Real>(value); });
  }
  RequireFiniteSum(std::span<const Real>(sum.rows));
  return sum;
}

template class SumOverChunks<float>;
template class SumOverChunks<double>;
template class RowSumOverChunks<float>;
template class RowSumOverChunks<double>;

}  // namespace hearth
