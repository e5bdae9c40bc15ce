#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "cluster/communicator.h"
#include "cluster/fixed_point.h"
#include "cluster/reduce_mode.h"
#include "cluster/row_request.h"
#include "cluster/sparse_rows.h"

namespace hearth {

/// Adds the results of the chunks of one outer step over all chunks of all ranks: a dense vector,
/// some scalars in double, and rows of embedding tables. Everything travels together:
///   exact mode: the largest magnitudes     one AllReduce
///   sharded tables: rows to their owners   one AllToAll; it carries the next step's ids too
///   the rest                               one AllReduce; fast mode adds one for the scalars
/// A thread of the owner adds up the received rows during the last exchange, if a core is free.
///
/// Exact mode gives the same bits for any order and any number of ranks. The ranks agree on a
/// power-of-two unit from the largest magnitude (a max is exact). They round each chunk's values to
/// int64 multiples of the unit, add them, all-reduce int64, and convert back once (fixed_point.h).
/// The unit leaves log2(global_chunk_count) bits of head-room, so overflow is impossible. The dense
/// vector, the scalars and each table have separate units of at most
/// largest magnitude * chunks * 2^-60. A float therefore keeps all its bits down to chunks * 2^-36
/// of the largest magnitude, a double down to chunks * 2^-7. The result is rounded once to Real.
///
/// Fast mode adds floats: chunks in their order, ranks in the order of the communicator.
template <typename Real>
class ChunkSums {
 public:
  struct Options {
    ReduceMode mode = ReduceMode::kExact;
    int64_t dense = 0;  ///< elements of the dense vector
    int64_t scalars = 0;
    std::vector<TableShape> tables;  ///< all with the communicator's world size
  };
  struct Result {
    std::vector<Real> dense;
    std::vector<double> scalars;
    /// [table] its rows: of a sharded table the rows this rank owns, else all rows. Ids are unique
    /// and ascend.
    std::vector<SparseRows<Real>> rows;
  };

  explicit ChunkSums(Options options);

  /// Makes room for that many chunks on this rank. This saves moving them as they come.
  void Reserve(int64_t chunk_count);
  /// Copy the values of one chunk. Row ids are unique within the chunk.
  void AddDense(std::span<const Real> values);
  void AddScalars(std::span<const double> values);
  void AddRows(int64_t table, std::span<const int64_t> ids, std::span<const Real> rows);
  /// Ends the chunk, after the three calls above.
  void EndChunk() { ++chunk_count_; }

  /// Returns the sums over all chunks of all ranks and clears this object.
  /// Collective: all ranks must call, also ranks without a chunk.
  /// `global_chunk_count`: chunks of all ranks, the same number on every rank.
  /// `request`: holds every added row of a sharded table; may be null when no table is sharded.
  /// `next`: if not null, its ids are exchanged too.
  /// Exact mode throws NumericError on every rank when an added value is not finite; the message
  /// names its place. Sums may be infinite, and NaN in fast mode: the caller must check them.
  Result Reduce(Communicator& communicator, int64_t global_chunk_count, const RowRequest* request,
                RowRequest* next);

 private:
  // Units of exact mode.
  struct Units {
    FixedPoint dense, scalars;
    std::vector<FixedPoint> tables;
  };

  bool IsExact() const { return options_.mode == ReduceMode::kExact; }
  bool IsAddedAtEveryRank(size_t table, const Communicator& communicator) const;
  Units AgreeOnUnits(Communicator& communicator, int64_t chunk_count) const;
  std::string FirstNonFinite() const;
  // `units`: [table], FixedPoint in exact mode, else Unrounded.
  template <typename Unit, typename ReduceDense>
  void ReduceRows(Communicator& communicator, std::span<const Unit> units,
                  const RowRequest* request, RowRequest* next, const ReduceDense& reduce_dense,
                  Result& result) const;
  template <typename Unit>
  std::vector<uint8_t> ExchangeRows(Communicator& communicator, std::span<const Unit> units,
                                    const RowRequest& request, const RowRequest* next) const;
  template <typename Unit>
  void AddReceivedRows(std::span<const uint8_t> received, std::span<const Unit> units,
                       const RowRequest& request, RowRequest* next, Result& result) const;
  void ReduceExactly(Communicator& communicator, const Units& units, int64_t chunk_count,
                     Result& result) const;
  void ReduceFast(Communicator& communicator, std::span<const Unrounded> units,
                  Result& result) const;
  template <typename Unit>
  void AddReplicatedRows(const Communicator& communicator, std::span<const Unit> units,
                         std::vector<NumberOf<Unit, Real>>& sums) const;
  template <typename Unit>
  void TakeReplicatedRows(const Communicator& communicator, std::span<const Unit> units,
                          std::span<const NumberOf<Unit, Real>> sums, Result& result) const;
  void Clear();

  Options options_;
  int64_t chunk_count_ = 0;
  std::vector<Real> dense_;             // [chunk, dense]
  std::vector<double> scalars_;         // [chunk, scalars]
  std::vector<SparseRows<Real>> rows_;  // [table] rows of all chunks, one after the other
};

}  // namespace hearth
