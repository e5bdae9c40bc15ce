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

/// The shape of an embedding table and its division among ranks.
struct TableShape {
  int64_t dim = 1;
  RowPartition partition;
  /// True: each rank keeps the rows it owns. False: every rank keeps all rows.
  bool sharded = false;
  Wire wire = Wire::kFull;  ///< form of rows and, in fast mode, of their gradients
};

/// Holds the ids of the table rows of sharded tables that this rank needs for a step, and the ids
/// of its own rows that other ranks need. Ids travel one step ahead (ChunkSums::Reduce carries
/// them). Rows are read when the step begins, after the update of the step before.
class RowRequest {
 public:
  /// Makes a request for nothing.
  RowRequest() = default;
  /// `ids`: [table] unique, ascending; the list of a table that is not sharded is empty.
  RowRequest(std::span<const TableShape> tables, std::vector<std::vector<int64_t>> ids);

  int64_t table_count() const { return std::ssize(tables_); }
  const std::vector<int64_t>& ids(int64_t table) const { return At(table).ids; }
  /// Return the ids that `owner` has, ascending, and their places in ids(table).
  std::span<const int64_t> IdsOf(int64_t table, int owner) const;
  std::span<const int64_t> PlacesOf(int64_t table, int owner) const;
  /// Returns the ids that `rank` asks of this rank, ascending. They are known after the exchange.
  std::span<const int64_t> AskedBy(int64_t table, int rank) const;

  /// Write appends the ids for one owner to a message; ReadFrom reads the ids that another rank
  /// wrote.
  void Write(int owner, MessageWriter& message) const;
  void ReadFrom(int rank, MessageReader& message);

 private:
  struct Table {
    std::vector<int64_t> ids;
    std::vector<int64_t> grouped, places;     // grouped by owner
    std::vector<int64_t> begins;              // [owner + 1] into both
    std::vector<std::vector<int64_t>> asked;  // [rank]
  };
  const Table& At(int64_t table) const { return tables_[table]; }

  std::vector<Table> tables_;
};

/// Sends this rank's ids to the owners of the rows and receives the ids of the others. Collective:
/// all ranks must call.
void ExchangeIds(Communicator& communicator, RowRequest& request);

/// Fetches the requested rows from their owners. read(table, ids, out) copies rows this rank owns
/// to out [ids, dim]. Returns [table] rows [request.ids(table), dim]. Collective: all ranks must
/// call.
template <typename Real>
std::vector<std::vector<Real>> FetchRows(
    Communicator& communicator, std::span<const TableShape> tables, const RowRequest& request,
    const std::function<void(int64_t table, std::span<const int64_t> ids, Real* out)>& read);

}  // namespace hearth
