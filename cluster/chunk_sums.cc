#include "cluster/chunk_sums.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <future>
#include <limits>
#include <optional>
#include <type_traits>
#include <utility>

#include "common/error.h"
#include "common/id_groups.h"
#include "common/text.h"
#include "common/usable_cores.h"

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
std::string DescribeNonFinite(std::span<const Real> values, int64_t length, const NameOf& name_of) {
  const auto bad = std::ranges::find_if(values, [](Real x) { return !std::isfinite(x); });
  if (bad == values.end()) return {};
  const int64_t position = bad - values.begin();
  return fmt::format("{} in {}, element {}", *bad, name_of(position / length), position % length);
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

// sums [length] += the vectors of `values` [vector, length].
template <typename Number, typename Source, typename Convert>
void AddVectors(std::span<const Source> values, int64_t length, const Convert& convert,
                Number* __restrict sums) {
  for (const Source* vector = values.data(); vector != values.data() + values.size();
       vector += length) {
    for (int64_t i = 0; i < length; ++i) sums[i] += convert(vector[i]);
  }
}

// Rows of equal id become one, added in the order they stand in; ids ascend.
template <typename Number, typename Source, typename Convert>
RowSum<Number> MergeRows(std::span<const int64_t> ids, std::span<const Source> rows, int64_t dim,
                         const Convert& convert) {
  IdGroups groups(ids);
  RowSum<Number> merged;
  merged.rows.resize(static_cast<size_t>(groups.size() * dim));
  SumRowsByGroup(groups, rows.data(), dim, convert, merged.rows.data());
  merged.ids = std::move(groups).TakeIds();
  return merged;
}

template <typename Real>
std::vector<Real> ToReals(const FixedPoint& unit, std::span<const int64_t> sums) {
  std::vector<Real> values(sums.size());
  for (size_t i = 0; i < sums.size(); ++i) values[i] = unit.ToReal<Real>(sums[i]);
  return values;
}

// What a rank has for a row that it asked for.
enum class RowState : uint8_t {
  kUntouched,  // nothing
  kOneChunk,   // the values of its only chunk, or in fast mode the sum: Real
  kSum,        // the sum of several chunks: int64
};

constexpr auto kAsIs = [](auto x) { return x; };

}  // namespace

template <typename Real>
ChunkSums<Real>::ChunkSums(Options options)
    : options_(std::move(options)), rows_(options_.tables.size()) {
  HEARTH_CHECK(options_.dense >= 0 && options_.scalars >= 0, "{} elements, {} scalars",
               options_.dense, options_.scalars);
  for (const TableShape& table : options_.tables) {
    HEARTH_CHECK(table.dim >= 1, "dim {}", table.dim);
  }
}

template <typename Real>
void ChunkSums<Real>::Reserve(int64_t chunk_count) {
  dense_.reserve(static_cast<size_t>(chunk_count * options_.dense));
}

template <typename Real>
void ChunkSums<Real>::AddDense(std::span<const Real> values) {
  HEARTH_CHECK(std::ssize(values) == options_.dense, "{} values of {}", values.size(),
               options_.dense);
  dense_.insert(dense_.end(), values.begin(), values.end());
}

template <typename Real>
void ChunkSums<Real>::AddScalars(std::span<const double> values) {
  HEARTH_CHECK(std::ssize(values) == options_.scalars, "{} scalars of {}", values.size(),
               options_.scalars);
  scalars_.insert(scalars_.end(), values.begin(), values.end());
}

template <typename Real>
void ChunkSums<Real>::AddRows(int64_t table, std::span<const int64_t> ids,
                              std::span<const Real> rows) {
  const auto t = static_cast<size_t>(table);
  HEARTH_CHECK(std::ssize(rows) == std::ssize(ids) * options_.tables[t].dim,
               "{} values for {} rows of {}", rows.size(), ids.size(), options_.tables[t].dim);
  RequireUnique(ids);
  rows_[t].ids.insert(rows_[t].ids.end(), ids.begin(), ids.end());
  rows_[t].rows.insert(rows_[t].rows.end(), rows.begin(), rows.end());
}

template <typename Real>
typename ChunkSums<Real>::Result ChunkSums<Real>::Reduce(Communicator& communicator,
                                                         int64_t global_chunk_count,
                                                         const RowRequest* request,
                                                         RowRequest* next) {
  HEARTH_CHECK(chunk_count_ <= global_chunk_count, "{} chunks here, {} announced", chunk_count_,
               global_chunk_count);
  std::optional<Units> units;
  if (IsExact()) units = AgreeOnUnits(communicator, global_chunk_count);
  Result result;
  result.rows.resize(rows_.size());
  std::vector<uint8_t> received;
  std::future<void> adding;  // after what it reads, so that it ends first
  if (communicator.world_size() > 1 && request != nullptr) {
    const Units* of_tables = units ? &*units : nullptr;
    received = ExchangeRows(communicator, of_tables, *request, next);
    adding = std::async(BesideTheCaller(), [&, of_tables] {
      AddReceivedRows(received, of_tables, *request, next, result);
    });
  }
  if (units) {
    ReduceExactly(communicator, *units, global_chunk_count, result);
  } else {
    ReduceFast(communicator, result);
  }
  if (adding.valid()) adding.get();
  Clear();
  return result;
}

template <typename Real>
void ChunkSums<Real>::Clear() {
  chunk_count_ = 0;
  dense_.clear();
  scalars_.clear();
  for (Rows& rows : rows_) {
    rows.ids.clear();
    rows.rows.clear();
  }
}

template <typename Real>
std::string ChunkSums<Real>::FirstNonFinite() const {
  const auto chunk = [](int64_t i) { return fmt::format("chunk {}", i); };
  std::string place = DescribeNonFinite(std::span(dense_), options_.dense, chunk);
  if (place.empty()) place = DescribeNonFinite(std::span(scalars_), options_.scalars, chunk);
  for (size_t t = 0; t < rows_.size() && place.empty(); ++t) {
    place = DescribeNonFinite(std::span(rows_[t].rows), options_.tables[t].dim, [&](int64_t row) {
      return fmt::format("the row of id {}", rows_[t].ids[static_cast<size_t>(row)]);
    });
  }
  return place;
}

template <typename Real>
typename ChunkSums<Real>::Units ChunkSums<Real>::AgreeOnUnits(Communicator& communicator,
                                                              int64_t chunk_count) const {
  std::vector<double> largest = {0.0,  // whether a value is not finite
                                 double{LargestMagnitude(std::span<const Real>(dense_))},
                                 LargestMagnitude(std::span<const double>(scalars_))};
  for (const Rows& rows : rows_) {
    largest.push_back(double{LargestMagnitude(std::span<const Real>(rows.rows))});
  }
  for (double& magnitude : largest) {
    if (std::isfinite(magnitude)) continue;
    largest[0] = 1.0;
    magnitude = 0.0;
  }
  communicator.AllReduce(std::span<double>(largest), ReduceOp::kMax);
  if (largest[0] > 0.0) RefuseNonFinite(communicator, FirstNonFinite());
  Units units{.dense = FixedPoint(largest[1], chunk_count),
              .scalars = FixedPoint(largest[2], chunk_count),
              .tables = {}};
  for (size_t t = 0; t < rows_.size(); ++t) units.tables.emplace_back(largest[3 + t], chunk_count);
  return units;
}

// Replicated tables of several ranks join the AllReduce of the dense vector.
template <typename Real>
bool ChunkSums<Real>::IsAddedAtEveryRank(size_t table, const Communicator& communicator) const {
  return communicator.world_size() > 1 && !options_.tables[table].sharded;
}

template <typename Real>
template <typename Number, typename Convert>
RowSum<Number> ChunkSums<Real>::MergeLocalRows(size_t table, const Convert& convert) const {
  return MergeRows<Number>(std::span<const int64_t>(rows_[table].ids),
                           std::span<const Real>(rows_[table].rows), options_.tables[table].dim,
                           convert);
}

template <typename Real>
void ChunkSums<Real>::WriteRows(size_t table, const Units* units, const RowRequest& request,
                                std::vector<MessageWriter>& to_owner) const {
  const auto t = static_cast<int64_t>(table);
  const int64_t dim = options_.tables[table].dim;
  const Wire wire = WireOf(table);
  const Rows& local = rows_[table];
  const IdGroups groups(local.ids);
  // The group of each row asked for, -1: no chunk has it.
  std::vector<int64_t> group_of(request.ids(t).size(), -1);
  int64_t group = 0;
  for (size_t place = 0; place < group_of.size() && group < groups.size(); ++place) {
    if (groups.ids()[static_cast<size_t>(group)] == request.ids(t)[place]) {
      group_of[place] = group++;
    }
  }
  HEARTH_CHECK(group == groups.size(), "table {}: the row of id {} was not asked for", table,
               groups.ids()[static_cast<size_t>(group)]);

  std::vector<int64_t> sum(static_cast<size_t>(dim));
  std::vector<Real> real_sum(static_cast<size_t>(dim));
  for (size_t owner = 0; owner < to_owner.size(); ++owner) {
    const std::span<const int64_t> places = request.PlacesOf(t, static_cast<int>(owner));
    MessageWriter& message = to_owner[owner];
    const auto state_of = [&](int64_t of_group) {
      if (of_group < 0) return RowState::kUntouched;
      const bool one = groups.Places(of_group).size() == 1;
      return one || units == nullptr ? RowState::kOneChunk : RowState::kSum;
    };
    for (const int64_t place : places) {
      message.AppendValue(state_of(group_of[static_cast<size_t>(place)]));
    }
    for (const int64_t place : places) {
      const int64_t of_group = group_of[static_cast<size_t>(place)];
      if (of_group < 0) continue;
      const std::span<const int64_t> rows = groups.Places(of_group);
      const auto row_at = [&](int64_t i) {
        return std::span(local.rows)
            .subspan(static_cast<size_t>(i * dim), static_cast<size_t>(dim));
      };
      if (rows.size() == 1) {
        AppendRows(row_at(rows[0]), wire, message);
      } else if (units != nullptr) {
        std::ranges::fill(sum, 0);
        for (const int64_t row : rows) {
          AddVectors(
              row_at(row), dim, [&](Real x) { return units->tables[table].FromReal(x); },
              sum.data());
        }
        message.Append(std::span<const int64_t>(sum));
      } else {
        std::ranges::fill(real_sum, Real{0});
        for (const int64_t row : rows) AddVectors(row_at(row), dim, kAsIs, real_sum.data());
        AppendRows(std::span<const Real>(real_sum), wire, message);
      }
    }
  }
}

template <typename Real>
std::vector<uint8_t> ChunkSums<Real>::ExchangeRows(Communicator& communicator, const Units* units,
                                                   const RowRequest& request,
                                                   const RowRequest* next) const {
  const auto world_size = static_cast<size_t>(communicator.world_size());
  std::vector<MessageWriter> to_owner(world_size);
  for (size_t t = 0; t < rows_.size(); ++t) {
    if (options_.tables[t].sharded) WriteRows(t, units, request, to_owner);
  }
  MessageWriter message;
  for (size_t owner = 0; owner < world_size; ++owner) {
    message.Append(to_owner[owner].bytes());
    if (next != nullptr) next->Write(static_cast<int>(owner), message);
    message.EndPart();
  }
  return communicator.AllToAll(message.bytes(), std::span(message.sizes()));
}

template <typename Real>
void ChunkSums<Real>::AddReceivedRows(std::span<const uint8_t> received, const Units* units,
                                      const RowRequest& request, RowRequest* next,
                                      Result& result) const {
  // Rows that came, in the order of ranks: [table].
  std::vector<RowSum<int64_t>> exact(rows_.size());
  std::vector<RowSum<Real>> fast(rows_.size());
  const int world_size = options_.tables.front().partition.world_size();
  MessageReader reader(received);
  for (int rank = 0; rank < world_size; ++rank) {
    for (size_t t = 0; t < rows_.size(); ++t) {
      if (!options_.tables[t].sharded) continue;
      const std::span<const int64_t> ids = request.AskedBy(static_cast<int64_t>(t), rank);
      const auto dim = static_cast<size_t>(options_.tables[t].dim);
      const auto states = reader.ReadList<RowState>(std::ssize(ids));
      std::vector<Real> row(dim);
      for (size_t i = 0; i < ids.size(); ++i) {
        if (states[i] == RowState::kUntouched) continue;
        if (units == nullptr) {
          fast[t].ids.push_back(ids[i]);
          fast[t].rows.resize(fast[t].rows.size() + dim);
          ReadRows(reader, WireOf(t), std::span(fast[t].rows).last(dim));
          continue;
        }
        exact[t].ids.push_back(ids[i]);
        exact[t].rows.resize(exact[t].rows.size() + dim);
        const std::span<int64_t> to = std::span(exact[t].rows).last(dim);
        if (states[i] == RowState::kSum) {
          reader.Read(to);
        } else {
          reader.Read(std::span(row));
          for (size_t d = 0; d < dim; ++d) to[d] = units->tables[t].FromReal(row[d]);
        }
      }
    }
    if (next != nullptr) next->ReadFrom(rank, reader);
  }
  for (size_t t = 0; t < rows_.size(); ++t) {
    if (!options_.tables[t].sharded) continue;
    const int64_t dim = options_.tables[t].dim;
    if (units == nullptr) {
      result.rows[t] = MergeRows<Real>(std::span<const int64_t>(fast[t].ids),
                                       std::span<const Real>(fast[t].rows), dim, kAsIs);
      continue;
    }
    RowSum<int64_t> sum = MergeRows<int64_t>(std::span<const int64_t>(exact[t].ids),
                                             std::span<const int64_t>(exact[t].rows), dim, kAsIs);
    result.rows[t] = {std::move(sum.ids), ToReals<Real>(units->tables[t], sum.rows)};
  }
}

// `sums`: for each table added at every rank its rows [row_count, dim], then for each row the
// number of chunks that have it [row_count].
template <typename Real>
template <typename Number>
void ChunkSums<Real>::TakeReplicatedRows(const Communicator& communicator,
                                         std::span<const Number> sums, const Units* units,
                                         Result& result) const {
  for (size_t t = 0; t < rows_.size(); ++t) {
    if (!IsAddedAtEveryRank(t, communicator)) continue;
    const int64_t count = options_.tables[t].partition.row_count(), dim = options_.tables[t].dim;
    const auto rows = sums.first(static_cast<size_t>(count * dim));
    const auto touched = sums.subspan(rows.size(), static_cast<size_t>(count));
    sums = sums.subspan(rows.size() + touched.size());
    for (int64_t id = 0; id < count; ++id) {
      if (touched[static_cast<size_t>(id)] == Number{0}) continue;
      result.rows[t].ids.push_back(id);
      for (int64_t d = 0; d < dim; ++d) {
        const Number sum = rows[static_cast<size_t>(id * dim + d)];
        if constexpr (std::is_same_v<Number, int64_t>) {
          result.rows[t].rows.push_back(units->tables[t].template ToReal<Real>(sum));
        } else {
          result.rows[t].rows.push_back(sum);
        }
      }
    }
  }
}

template <typename Real>
template <typename Number, typename ConvertOf>
void ChunkSums<Real>::AddReplicatedRows(const Communicator& communicator,
                                        const ConvertOf& convert_of,
                                        std::vector<Number>& sums) const {
  for (size_t t = 0; t < rows_.size(); ++t) {
    if (!IsAddedAtEveryRank(t, communicator)) continue;
    const int64_t count = options_.tables[t].partition.row_count(), dim = options_.tables[t].dim;
    const size_t begin = sums.size();
    sums.resize(begin + static_cast<size_t>(count * (dim + 1)));
    Number* rows = sums.data() + begin;
    Number* touched = rows + count * dim;
    const std::span<const Real> local(rows_[t].rows);
    for (size_t i = 0; i < rows_[t].ids.size(); ++i) {
      const int64_t id = rows_[t].ids[i];
      HEARTH_CHECK(id >= 0 && id < count, "row {} of table {}, which has {}", id, t, count);
      AddVectors(local.subspan(i * static_cast<size_t>(dim), static_cast<size_t>(dim)), dim,
                 convert_of(t), rows + id * dim);
      touched[id] += Number{1};
    }
  }
}

template <typename Real>
void ChunkSums<Real>::ReduceExactly(Communicator& communicator, const Units& units,
                                    int64_t chunk_count, Result& result) const {
  const auto dense = static_cast<size_t>(options_.dense);
  const auto scalars = static_cast<size_t>(options_.scalars);
  // The first element counts chunks: more of them than announced could overflow.
  std::vector<int64_t> sums(1 + dense + scalars);
  sums[0] = chunk_count_;
  AddVectors(
      std::span(dense_), options_.dense, [&](Real x) { return units.dense.FromReal(x); },
      sums.data() + 1);
  AddVectors(
      std::span(scalars_), options_.scalars, [&](double x) { return units.scalars.FromReal(x); },
      sums.data() + 1 + dense);
  AddReplicatedRows(
      communicator,
      [&](size_t t) { return [&unit = units.tables[t]](Real x) { return unit.FromReal(x); }; },
      sums);
  communicator.AllReduce(std::span(sums), ReduceOp::kSum);
  HEARTH_CHECK(sums[0] == chunk_count, "{} chunks, {} announced", sums[0], chunk_count);
  const std::span<const int64_t> rest = std::span<const int64_t>(sums).subspan(1);
  result.dense = ToReals<Real>(units.dense, rest.first(dense));
  result.scalars = ToReals<double>(units.scalars, rest.subspan(dense, scalars));
  TakeReplicatedRows(communicator, rest.subspan(dense + scalars), &units, result);
  if (communicator.world_size() > 1) return;
  for (size_t t = 0; t < rows_.size(); ++t) {
    RowSum<int64_t> sum =
        MergeLocalRows<int64_t>(t, [&](Real x) { return units.tables[t].FromReal(x); });
    result.rows[t] = {std::move(sum.ids), ToReals<Real>(units.tables[t], sum.rows)};
  }
}

template <typename Real>
void ChunkSums<Real>::ReduceFast(Communicator& communicator, Result& result) const {
  const auto dense = static_cast<size_t>(options_.dense);
  std::vector<Real> sums(dense);
  AddVectors(std::span(dense_), options_.dense, kAsIs, sums.data());
  AddReplicatedRows(
      communicator, [](size_t) { return kAsIs; }, sums);
  communicator.AllReduce(std::span(sums), ReduceOp::kSum);
  TakeReplicatedRows(communicator, std::span<const Real>(sums).subspan(dense), nullptr, result);
  sums.resize(dense);
  result.dense = std::move(sums);
  result.scalars.assign(static_cast<size_t>(options_.scalars), 0.0);
  AddVectors(std::span(scalars_), options_.scalars, kAsIs, result.scalars.data());
  communicator.AllReduce(std::span(result.scalars), ReduceOp::kSum);
  if (communicator.world_size() > 1) return;
  for (size_t t = 0; t < rows_.size(); ++t) result.rows[t] = MergeLocalRows<Real>(t, kAsIs);
}

template class ChunkSums<float>;
template class ChunkSums<double>;

}  // namespace hearth
