#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "cluster/byte_message.h"
#include "cluster/communicator.h"
#include "cluster/row_partition.h"
#include "cluster/wire.h"

namespace hearth {

/// An embedding table as the ranks share it.
struct TableShape {
  int64_t dim = 1;
  RowPartition partition;
  /// Each rank keeps the rows it owns; else every rank keeps all rows.
  bool sharded = false;
  Wire wire = Wire::kFull;  ///< of rows and, in fast mode, of their gradients
};

/// Rows of sharded tables that this rank needs for a step, and those that other ranks need of it.
/// Ids travel one step ahead (ChunkSums::Reduce carries them); rows are read when the step begins,
/// after the update of the one before.
class RowRequest {
 public:
  /// Asks for nothing.
  RowRequest() = default;
  /// ids: [table] unique, ascending; empty lists for tables that are not sharded.
  RowRequest(std::span<const TableShape> tables, std::vector<std::vector<int64_t>> ids);

  int64_t table_count() const { return static_cast<int64_t>(tables_.size()); }
  const std::vector<int64_t>& ids(int64_t table) const { return At(table).ids; }
  /// The ids of `owner`, ascending, and their places in ids(table).
  std::span<const int64_t> IdsOf(int64_t table, int owner) const;
  std::span<const int64_t> PlacesOf(int64_t table, int owner) const;
  /// What `rank` asks of this rank, ascending. Known once the ids were exchanged.
  std::span<const int64_t> AskedBy(int64_t table, int rank) const;

  /// The ids for one owner, as part of a message, and what another rank wrote so.
  void Write(int owner, MessageWriter& message) const;
  void ReadFrom(int rank, MessageReader& message);

 private:
  struct Table {
    std::vector<int64_t> ids;
    std::vector<int64_t> grouped, places;     // by owner
    std::vector<int64_t> begins;              // [owner + 1] into both
    std::vector<std::vector<int64_t>> asked;  // [rank]
  };
  const Table& At(int64_t table) const { return tables_[static_cast<size_t>(table)]; }

  std::vector<Table> tables_;
};

/// Tells the owners which rows this rank needs. Collective: all ranks must call.
void ExchangeIds(Communicator& communicator, RowRequest& request);

/// Brings the rows. read(table, ids, out): copies rows this rank owns, out [ids, dim].
/// Returns [table] rows [request.ids(table), dim]. Collective: all ranks must call.
template <typename Real>
std::vector<std::vector<Real>> FetchRows(
    Communicator& communicator, std::span<const TableShape> tables, const RowRequest& request,
    const std::function<void(int64_t table, std::span<const int64_t> ids, Real* out)>& read);

}  // namespace hearth
