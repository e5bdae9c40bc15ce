#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <vector>

#include <gtest/gtest.h>

#include "cluster/chunk_sums.h"
#include "cluster/communicator.h"
#include "common/random.h"

namespace hearth::testing {

/// Makes the vector of a chunk. Its magnitudes span many powers of two, with both signs.
template <typename Real>
std::vector<Real> ChunkVector(int64_t chunk, int64_t length) {
  RandomStream random(7, Purpose::kTest, static_cast<uint64_t>(chunk));
  std::vector<Real> values;
  for (int64_t i = 0; i < length; ++i) {
    values.push_back(static_cast<Real>(random.NextNormal() * std::exp(4 * random.NextNormal())));
  }
  return values;
}

/// Makes the row gradients of a chunk: a few of 40 ids, in random order.
template <typename Real>
SparseRows<Real> ChunkRows(int64_t chunk, int64_t dim) {
  const auto number = static_cast<uint64_t>(chunk);
  RandomStream random(8, Purpose::kTest, number);
  const auto count = static_cast<int64_t>(random.NextBelow(15));
  const std::vector<int64_t> ids =
      SampleWithoutReplacement(40, count, RandomStream(9, Purpose::kTest, number));
  return {ids, ChunkVector<Real>(chunk + 1000, count * dim)};
}

/// Returns the chunks of a rank in the order it adds them. They are dealt and ordered at random, so
/// a rank may get none.
inline std::vector<int64_t> Deal(int64_t chunk_count, const Communicator& communicator) {
  const auto world_size = static_cast<uint64_t>(communicator.world_size());
  RandomStream random(10, Purpose::kTest, world_size);
  std::vector<int64_t> own;
  for (const int64_t chunk :
       RandomPermutation(chunk_count, RandomStream(11, Purpose::kTest, world_size))) {
    if (random.NextBelow(world_size) == static_cast<uint64_t>(communicator.rank())) {
      own.push_back(chunk);
    }
  }
  return own;
}

/// The sum under test. A chunk has a dense vector of `length`, its first two numbers again as
/// scalars, and rows of two tables of kTableRows rows each.
struct SumCase {
  ReduceMode mode = ReduceMode::kExact;
  int64_t chunk_count = 24;
  int64_t length = 2;
  int64_t dim = 5;
  bool sharded = false;  ///< shards the first table; the second is never sharded
};
inline constexpr int64_t kTableRows = 40;

/// A whole sum, the same on every rank: sharded tables are brought together.
template <typename Real>
struct WholeSum {
  std::vector<Real> dense;
  std::vector<double> scalars;
  std::vector<SparseRows<Real>> rows;  // [table]
  bool operator==(const WholeSum& other) const {
    const auto equal = [](const SparseRows<Real>& a, const SparseRows<Real>& b) {
      return a.ids == b.ids && a.rows == b.rows;
    };
    return dense == other.dense && scalars == other.scalars &&
           std::ranges::equal(rows, other.rows, equal);
  }
};

/// Gathers the rows of all ranks. The ranks have no row in common. Collective.
template <typename Real>
SparseRows<Real> GatherOwned(Communicator& communicator, const SparseRows<Real>& owned,
                             int64_t dim) {
  const auto ids = communicator.AllGather(std::span<const int64_t>(owned.ids));
  const auto rows = communicator.AllGather(std::span<const Real>(owned.rows));
  std::map<int64_t, std::vector<Real>> sorted;
  for (size_t i = 0; i < ids.size(); ++i) {
    const auto begin = rows.begin() + static_cast<std::ptrdiff_t>(i) * dim;
    sorted[ids[i]].assign(begin, begin + dim);
  }
  EXPECT_EQ(sorted.size(), ids.size()) << "a row has two owners";
  SparseRows<Real> all;
  for (const auto& [id, row] : sorted) {
    all.ids.push_back(id);
    all.rows.insert(all.rows.end(), row.begin(), row.end());
  }
  return all;
}

template <typename Real>
typename ChunkSums<Real>::Options OptionsOf(const SumCase& sum, const Communicator& communicator) {
  const RowPartition partition(kTableRows, communicator.world_size());
  return {.mode = sum.mode,
          .dense = sum.length,
          .scalars = 2,
          .tables = {{sum.dim, partition, sum.sharded}, {sum.dim, partition, false}}};
}

/// Makes the request of a rank for the rows of its chunks and for one more row, absent from all of
/// them.
template <typename Real>
RowRequest RequestRows(Communicator& communicator, const SumCase& sum,
                       const std::vector<TableShape>& tables) {
  std::set<int64_t> ids = {communicator.rank() % kTableRows};
  for (const int64_t chunk : Deal(sum.chunk_count, communicator)) {
    const std::vector<int64_t> of_chunk = ChunkRows<Real>(chunk, sum.dim).ids;
    ids.insert(of_chunk.begin(), of_chunk.end());
  }
  RowRequest request(tables, {{ids.begin(), ids.end()}, {}});
  ExchangeIds(communicator, request);
  return request;
}

/// Collective.
template <typename Real>
WholeSum<Real> SumOfChunks(Communicator& communicator, const SumCase& sum) {
  const auto options = OptionsOf<Real>(sum, communicator);
  ChunkSums<Real> sums(options);
  for (const int64_t chunk : Deal(sum.chunk_count, communicator)) {
    const std::vector<Real> dense = ChunkVector<Real>(chunk, sum.length);
    sums.AddDense(dense);
    sums.AddScalars(std::vector<double>{dense[0], 1.0});
    for (const int64_t table : {0, 1}) {
      const SparseRows<Real> rows = ChunkRows<Real>(chunk + 100 * table, sum.dim);
      sums.AddRows(table, rows.ids, rows.rows);
    }
    sums.EndChunk();
  }
  RowRequest request;
  if (sum.sharded) request = RequestRows<Real>(communicator, sum, options.tables);
  auto result =
      sums.Reduce(communicator, sum.chunk_count, sum.sharded ? &request : nullptr, nullptr);
  if (sum.sharded && communicator.world_size() > 1) {
    result.rows[0] = GatherOwned(communicator, result.rows[0], sum.dim);
  }
  return {std::move(result.dense), std::move(result.scalars), std::move(result.rows)};
}

}  // namespace hearth::testing
