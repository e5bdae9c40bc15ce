#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "cluster/communicator.h"

namespace hearth {

/// How sums over chunks and ranks are formed (config key dist.reduce).
enum class ReduceMode {
  kExact,  ///< int64 fixed point: the same bits for any number of ranks and any order
  kFast,   ///< float sums in rank order: cheaper, depends on the number of ranks
};

/// Adds per-chunk vectors over all chunks of all ranks. Usage, once per outer step:
///   SumOverChunks<float> sum(length, mode);
///   for each local chunk: sum.Add(chunk_vector);
///   sum.Reduce(communicator, global_chunk_count, out);  // collective
///
/// Exact mode: the ranks agree on a power-of-two unit from the largest magnitude (a max is exact),
/// round each chunk's vector to int64, add, all-reduce int64, convert back once (fixed_point.h).
/// The unit leaves log2(global_chunk_count) bits of head-room, so overflow is impossible. All
/// elements share the unit, at most largest magnitude * chunks * 2^-60: a float keeps all its bits
/// down to chunks * 2^-36 of the largest, a double down to chunks * 2^-7. Vectors of very
/// different magnitude deserve a sum of their own.
/// Chunk vectors are float or double; the result is rounded once to that type.
///
/// Both modes raise NumericError on every rank, saying where, when an element is not finite; the
/// sum is then cleared too. A sum beyond the range of Real is refused likewise.
template <typename Real>
class SumOverChunks {
 public:
  SumOverChunks(int64_t length, ReduceMode mode);
  int64_t length() const { return length_; }
  /// Room for that many chunks on this rank: saves moving them as they come.
  void Reserve(int64_t chunk_count) { values_.reserve(static_cast<size_t>(chunk_count * length_)); }
  /// `values`: length elements, copied.
  void Add(std::span<const Real> values);
  /// Collective: all ranks must call, also those without a chunk.
  /// Writes the sum over all chunks of all ranks to `out` (length elements) and clears.
  /// `global_chunk_count`: chunks of all ranks, the same number on every rank.
  void Reduce(Communicator& communicator, int64_t global_chunk_count, std::span<Real> out);

 private:
  int64_t length_;
  ReduceMode mode_;
  int64_t chunk_count_ = 0;
  std::vector<Real> values_;  // [chunk, length]
};

/// Sum of row gradients: sparse rows of one embedding table.
template <typename Real>
struct RowSum {
  std::vector<int64_t> ids;  ///< unique, ascending
  std::vector<Real> rows;    ///< [id, dim]
};

/// Adds row gradients of all chunks of all ranks, duplicates summed; every rank gets all rows.
/// Exact and fast as in SumOverChunks, with one unit per table.
template <typename Real>
class RowSumOverChunks {
 public:
  RowSumOverChunks(int64_t dim, ReduceMode mode);
  int64_t dim() const { return dim_; }
  /// `ids` unique within the chunk, `rows` [ids, dim]; both copied.
  void Add(std::span<const int64_t> ids, std::span<const Real> rows);
  /// Collective: all ranks must call, also those without a chunk. Clears.
  RowSum<Real> Reduce(Communicator& communicator, int64_t global_chunk_count);

 private:
  int64_t dim_;
  ReduceMode mode_;
  int64_t chunk_count_ = 0;
  std::vector<int64_t> ids_;  // [row]
  std::vector<Real> rows_;    // [row, dim]
};

}  // namespace hearth
