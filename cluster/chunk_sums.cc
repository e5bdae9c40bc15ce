#include "cluster/chunk_sums.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <future>
#include <limits>
#include <type_traits>
#include <utility>

#include "common/error.h"
#include "common/id_groups.h"
#include "common/text.h"
#include "common/usable_cores.h"

namespace hearth {
namespace {

// Gathers the places of all ranks, so that all throw the same error. Collective.
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

// Returns the largest magnitude; it is not finite if any value is not. Magnitudes order like their
// bits.
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

// Describes the first value that is not finite and its place; "" if there is none.
// name_of(i) names the i-th vector.
template <typename Real, typename NameOf>
std::string DescribeNonFinite(std::span<const Real> values, int64_t length, const NameOf& name_of) {
  const auto bad = std::ranges::find_if(values, [](Real x) { return !std::isfinite(x); });
  if (bad == values.end()) return {};
  const int64_t position = bad - values.begin();
  return fmt::format("{} in {}, element {}", *bad, name_of(position / length), position % length);
}

// An id may stand once in a chunk, because the head-room of exact mode counts one row per chunk.
void RequireUnique(std::span<const int64_t> ids) {
  if (Ascends(ids)) return;
  const IdGroups groups(ids);
  for (int64_t group = 0; group < groups.size(); ++group) {
    HEARTH_CHECK(groups.Places(group).size() == 1, "id {} twice in a chunk", groups.ids()[group]);
  }
}

}  // namespace

template <typename Real>
ChunkSums<Real>::ChunkSums(Options options)
    : options_(std::move(options)), rows_(options_.tables.size()) {
  HEARTH_CHECK(options_.dense >= 0 && options_.scalars >= 0, "{} elements, {} scalars",
               options_.dense, options_.scalars);
  for (TableShape& table : options_.tables) {
    HEARTH_CHECK(table.dim >= 1, "dim {}", table.dim);
    if (IsExact()) table.wire = Wire::kFull;  // exact sums add unrounded values
  }
}

template <typename Real>
void ChunkSums<Real>::Reserve(int64_t chunk_count) {
  dense_.reserve(chunk_count * options_.dense);
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
  const int64_t dim = options_.tables[table].dim;
  HEARTH_CHECK(std::ssize(rows) == std::ssize(ids) * dim, "{} values for {} rows of {}",
               rows.size(), ids.size(), dim);
  RequireUnique(ids);
  SparseRows<Real>& all = rows_[table];
  all.ids.insert(all.ids.end(), ids.begin(), ids.end());
  all.rows.insert(all.rows.end(), rows.begin(), rows.end());
}

template <typename Real>
typename ChunkSums<Real>::Result ChunkSums<Real>::Reduce(Communicator& communicator,
                                                         int64_t global_chunk_count,
                                                         const RowRequest* request,
                                                         RowRequest* next) {
  HEARTH_CHECK(chunk_count_ <= global_chunk_count, "{} chunks here, {} announced", chunk_count_,
               global_chunk_count);
  Result result;
  result.rows.resize(rows_.size());
  if (IsExact()) {
    const Units units = AgreeOnUnits(communicator, global_chunk_count);
    ReduceRows(
        communicator, std::span(units.tables), request, next,
        [&] { ReduceExactly(communicator, units, global_chunk_count, result); }, result);
  } else {
    const std::vector<Unrounded> units(rows_.size());
    ReduceRows(
        communicator, std::span(units), request, next,
        [&] { ReduceFast(communicator, units, result); }, result);
  }
  Clear();
  return result;
}

template <typename Real>
void ChunkSums<Real>::Clear() {
  chunk_count_ = 0;
  dense_.clear();
  scalars_.clear();
  for (SparseRows<Real>& rows : rows_) {
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
      return fmt::format("the row of id {}", rows_[t].ids[row]);
    });
  }
  return place;
}

template <typename Real>
typename ChunkSums<Real>::Units ChunkSums<Real>::AgreeOnUnits(Communicator& communicator,
                                                              int64_t chunk_count) const {
  std::vector<double> largest = {0.0,  // 1 if a value is not finite
                                 double{LargestMagnitude(std::span<const Real>(dense_))},
                                 LargestMagnitude(std::span<const double>(scalars_))};
  for (const SparseRows<Real>& rows : rows_) {
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

// Returns true if the rows of a table join the AllReduce of the dense vector: the table is
// replicated and there are several ranks.
template <typename Real>
bool ChunkSums<Real>::IsAddedAtEveryRank(size_t table, const Communicator& communicator) const {
  return communicator.world_size() > 1 && !options_.tables[table].sharded;
}

// Sends the rows of sharded tables to their owners. A thread of the owner adds them up while
// `reduce_dense` adds the rest, replicated rows included. A single rank adds up all rows here.
template <typename Real>
template <typename Unit, typename ReduceDense>
void ChunkSums<Real>::ReduceRows(Communicator& communicator, std::span<const Unit> units,
                                 const RowRequest* request, RowRequest* next,
                                 const ReduceDense& reduce_dense, Result& result) const {
  std::vector<uint8_t> received;
  std::future<void> adding;  // declared after `received`, so that it ends before its input does
  if (communicator.world_size() > 1 && request != nullptr) {
    received = ExchangeRows(communicator, units, *request, next);
    adding = std::async(BackgroundLaunch(),
                        [&] { AddReceivedRows(received, units, *request, next, result); });
  }
  reduce_dense();
  if (adding.valid()) adding.get();
  if (communicator.world_size() > 1) return;
  for (size_t t = 0; t < rows_.size(); ++t) {
    result.rows[t] = ToReals<Real>(units[t], MergeRows(units[t], rows_[t], options_.tables[t].dim));
  }
}

template <typename Real>
template <typename Unit>
std::vector<uint8_t> ChunkSums<Real>::ExchangeRows(Communicator& communicator,
                                                   std::span<const Unit> units,
                                                   const RowRequest& request,
                                                   const RowRequest* next) const {
  const int world_size = communicator.world_size();
  std::vector<MessageWriter> to_owner(world_size);
  for (size_t t = 0; t < rows_.size(); ++t) {
    const TableShape& table = options_.tables[t];
    if (!table.sharded) continue;
    WriteRowSums(units[t], rows_[t], table, request, t, to_owner);
  }
  MessageWriter message;
  for (int owner = 0; owner < world_size; ++owner) {
    message.Append(to_owner[owner].bytes());
    if (next != nullptr) next->Write(owner, message);
    message.EndReceiver();
  }
  return communicator.AllToAll(message.bytes(), std::span(message.sizes()));
}

template <typename Real>
template <typename Unit>
void ChunkSums<Real>::AddReceivedRows(std::span<const uint8_t> received,
                                      std::span<const Unit> units, const RowRequest& request,
                                      RowRequest* next, Result& result) const {
  std::vector<SparseRows<NumberOf<Unit, Real>>> rows(rows_.size());  // [table], ranks in order
  const int world_size = options_.tables.front().partition.world_size();
  MessageReader message(received);
  for (int rank = 0; rank < world_size; ++rank) {
    for (size_t t = 0; t < rows_.size(); ++t) {
      if (!options_.tables[t].sharded) continue;
      ReadRowSums<Real>(units[t], options_.tables[t], request.AskedBy(t, rank), message, rows[t]);
    }
    if (next != nullptr) next->ReadFrom(rank, message);
  }
  for (size_t t = 0; t < rows_.size(); ++t) {
    if (!options_.tables[t].sharded) continue;
    result.rows[t] =
        ToReals<Real>(units[t], MergeRows(Unrounded(), rows[t], options_.tables[t].dim));
  }
}

// Appends the rows [row_count, dim] of each table added at every rank, and after them the number of
// chunks that have each row [row_count].
template <typename Real>
template <typename Unit>
void ChunkSums<Real>::AddReplicatedRows(const Communicator& communicator,
                                        std::span<const Unit> units,
                                        std::vector<NumberOf<Unit, Real>>& sums) const {
  for (size_t t = 0; t < rows_.size(); ++t) {
    if (!IsAddedAtEveryRank(t, communicator)) continue;
    const int64_t count = options_.tables[t].partition.row_count(), dim = options_.tables[t].dim;
    const size_t begin = sums.size();
    sums.resize(begin + count * (dim + 1));
    auto* rows = sums.data() + begin;
    auto* touched = rows + count * dim;
    const std::span<const Real> local(rows_[t].rows);
    for (size_t i = 0; i < rows_[t].ids.size(); ++i) {
      const int64_t id = rows_[t].ids[i];
      HEARTH_CHECK(id >= 0 && id < count, "row {} of table {}, which has {}", id, t, count);
      AddVectors(units[t], local.subspan(i * dim, dim), dim, rows + id * dim);
      touched[id] += 1;
    }
  }
}

// Takes the rows that AddReplicatedRows appended out of the sums over all ranks.
template <typename Real>
template <typename Unit>
void ChunkSums<Real>::TakeReplicatedRows(const Communicator& communicator,
                                         std::span<const Unit> units,
                                         std::span<const NumberOf<Unit, Real>> sums,
                                         Result& result) const {
  for (size_t t = 0; t < rows_.size(); ++t) {
    if (!IsAddedAtEveryRank(t, communicator)) continue;
    const int64_t count = options_.tables[t].partition.row_count(), dim = options_.tables[t].dim;
    const auto rows = sums.first(count * dim);
    const auto touched = sums.subspan(rows.size(), count);
    sums = sums.subspan(rows.size() + touched.size());
    for (int64_t id = 0; id < count; ++id) {
      if (touched[id] == 0) continue;
      result.rows[t].ids.push_back(id);
      for (const auto sum : rows.subspan(id * dim, dim)) {
        result.rows[t].rows.push_back(units[t].template ToReal<Real>(sum));
      }
    }
  }
}

template <typename Real>
void ChunkSums<Real>::ReduceExactly(Communicator& communicator, const Units& units,
                                    int64_t chunk_count, Result& result) const {
  const int64_t dense = options_.dense, scalars = options_.scalars;
  const std::span tables(units.tables);
  // The first element counts chunks, because more chunks than announced could overflow.
  std::vector<int64_t> sums(1 + dense + scalars);
  sums[0] = chunk_count_;
  AddVectors(units.dense, std::span(dense_), options_.dense, sums.data() + 1);
  AddVectors(units.scalars, std::span(scalars_), options_.scalars, sums.data() + 1 + dense);
  AddReplicatedRows(communicator, tables, sums);
  communicator.AllReduce(std::span(sums), ReduceOp::kSum);
  HEARTH_CHECK(sums[0] == chunk_count, "{} chunks, {} announced", sums[0], chunk_count);
  const std::span<const int64_t> rest = std::span<const int64_t>(sums).subspan(1);
  result.dense = ToReals<Real>(units.dense, rest.first(dense));
  result.scalars = ToReals<double>(units.scalars, rest.subspan(dense, scalars));
  TakeReplicatedRows(communicator, tables, rest.subspan(dense + scalars), result);
}

template <typename Real>
void ChunkSums<Real>::ReduceFast(Communicator& communicator, std::span<const Unrounded> units,
                                 Result& result) const {
  const int64_t dense = options_.dense;
  std::vector<Real> sums(dense);
  AddVectors(Unrounded(), std::span(dense_), options_.dense, sums.data());
  AddReplicatedRows(communicator, units, sums);
  communicator.AllReduce(std::span(sums), ReduceOp::kSum);
  TakeReplicatedRows(communicator, units, std::span<const Real>(sums).subspan(dense), result);
  sums.resize(dense);
  result.dense = std::move(sums);
  result.scalars.assign(options_.scalars, 0.0);
  AddVectors(Unrounded(), std::span(scalars_), options_.scalars, result.scalars.data());
  communicator.AllReduce(std::span(result.scalars), ReduceOp::kSum);
}

template class ChunkSums<float>;
template class ChunkSums<double>;

}  // namespace hearth
