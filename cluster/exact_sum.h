#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "cluster/communicator.h"

namespace hearth {

/// How sums over chunks and ranks are formed (config key dist.reduce).
enum class ReduceMode {
  kExact,  ///< int64 fixed point: the same bits for any number of ranks and any order
  kFast,   ///< float sums in rank order: cheaper, depends on the number of ranks
};

/// Adds per-chunk vectors over all chunks of all ranks. Usage, once per outer step:
///   SumOverChunks sum(length, mode, ...);
///   for each local chunk: sum.Add(chunk_vector);
///   sum.Reduce(communicator, out);      // collective
///
/// Exact mode: the ranks agree on a power-of-two scale from the largest magnitude (a max is exact),
/// round each chunk's vector to int64, add, all-reduce int64, convert back once. The scale leaves
/// log2(chunks over all ranks) bits of head-room, so overflow is impossible. A non-finite element
/// raises NumericError before anything is scaled, on every rank.
/// Chunk vectors are float or double; the result is rounded once to that type.
template <typename Real>
class SumOverChunks {
 public:
  SumOverChunks(int64_t length, ReduceMode mode);
  /// `values`: length elements, copied.
  void Add(std::span<const Real> values);
  /// Collective. Writes the sum over all chunks of all ranks to `out` (length elements) and clears.
  /// `global_chunk_count`: chunks of all ranks, the same number on every rank.
  void Reduce(Communicator& communicator, int64_t global_chunk_count, std::span<Real> out);

 private:
  int64_t length_;
  ReduceMode mode_;
  std::vector<Real> values_;  // [chunk, length]
};

/// Sum of row gradients: sparse rows of one embedding table.
template <typename Real>
struct RowSum {
  std::vector<int64_t> ids;  ///< unique, ascending
  std::vector<Real> rows;    ///< [id, dim]
};

/// Adds row gradients of all chunks of all ranks, duplicates summed; every rank gets all rows.
/// Exact and fast as in SumOverChunks, with one scale per table.
template <typename Real>
class RowSumOverChunks {
 public:
  RowSumOverChunks(int64_t dim, ReduceMode mode);
  /// `ids` unique within the chunk, `rows` [ids, dim]; both copied.
  void Add(std::span<const int64_t> ids, std::span<const Real> rows);
  /// Collective; clears.
  RowSum<Real> Reduce(Communicator& communicator, int64_t global_chunk_count);

 private:
  int64_t dim_;
  ReduceMode mode_;
  std::vector<int64_t> ids_;
  std::vector<Real> rows_;
};

}  // namespace hearth
