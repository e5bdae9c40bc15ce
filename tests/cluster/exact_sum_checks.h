#pragma once

#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "cluster/communicator.h"
#include "cluster/exact_sum.h"
#include "common/random.h"

namespace hearth::testing {

/// A chunk's vector: magnitudes over many powers of two, both signs.
template <typename Real>
std::vector<Real> ChunkVector(int64_t chunk, int64_t length) {
  RandomStream random(7, Purpose::kTest, static_cast<uint64_t>(chunk));
  std::vector<Real> values;
  for (int64_t i = 0; i < length; ++i) {
    values.push_back(static_cast<Real>(random.NextNormal() * std::exp(4 * random.NextNormal())));
  }
  return values;
}

template <typename Real>
struct RowChunk {
  std::vector<int64_t> ids;
  std::vector<Real> rows;
};

/// A chunk's row gradients: a few of 40 ids, in random order.
template <typename Real>
RowChunk<Real> ChunkRows(int64_t chunk, int64_t dim) {
  const auto number = static_cast<uint64_t>(chunk);
  RandomStream random(8, Purpose::kTest, number);
  const auto count = static_cast<int64_t>(random.NextBelow(15));
  const std::vector<int64_t> ids =
      SampleWithoutReplacement(40, count, RandomStream(9, Purpose::kTest, number));
  return {ids, ChunkVector<Real>(chunk + 1000, count * dim)};
}

/// The chunks a rank gets, in the order it adds them: dealt and ordered at random, so a rank may
/// get none.
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

template <typename Real>
std::vector<Real> SumOfChunks(Communicator& communicator, int64_t chunk_count, int64_t length,
                              ReduceMode mode) {
  SumOverChunks<Real> sum(length, mode);
  for (const int64_t chunk : Deal(chunk_count, communicator)) {
    sum.Add(ChunkVector<Real>(chunk, length));
  }
  std::vector<Real> out(static_cast<size_t>(length));
  sum.Reduce(communicator, chunk_count, out);
  return out;
}

template <typename Real>
RowSum<Real> SumOfRows(Communicator& communicator, int64_t chunk_count, int64_t dim,
                       ReduceMode mode) {
  RowSumOverChunks<Real> sum(dim, mode);
  for (const int64_t chunk : Deal(chunk_count, communicator)) {
    const RowChunk<Real> rows = ChunkRows<Real>(chunk, dim);
    sum.Add(rows.ids, rows.rows);
  }
  return sum.Reduce(communicator, chunk_count);
}

}  // namespace hearth::testing
