#pragma once

#include <vector>

#include "cluster/communicator.h"
#include "cluster/row_request.h"
#include "trainer/table/meta_parameters.h"

namespace hearth {

/// [table] says how the ranks share each table.
std::vector<TableShape> ShapesOf(const MetaParameters& parameters);
bool AnySharded(const MetaParameters& parameters);

/// Fetches the rows of a request; its ids must have been exchanged.
/// Collective: all ranks must call.
[[nodiscard]] FetchedRows FetchTableRows(Communicator& communicator, const RowRequest& request,
                                         const MetaParameters& parameters);

/// Makes a request for table rows. table_rows: [table] ids, unique, ascending. Ids of tables that
/// are not sharded are left out.
RowRequest RequestRows(const MetaParameters& parameters,
                       std::vector<std::vector<int64_t>> table_rows);

/// Calls RequestRows, ExchangeIds and FetchTableRows; does nothing when no table is sharded.
/// Collective: all ranks must call.
[[nodiscard]] FetchedRows FetchTableRows(Communicator& communicator,
                                         std::vector<std::vector<int64_t>> table_rows,
                                         const MetaParameters& parameters);

}  // namespace hearth
