#pragma once

#include <vector>

#include "cluster/communicator.h"
#include "cluster/row_request.h"
#include "trainer/table/meta_parameters.h"

namespace hearth {

/// [table] how the ranks share the tables.
std::vector<TableShape> ShapesOf(const MetaParameters& parameters);
bool AnySharded(const MetaParameters& parameters);

/// Brings the rows of a request whose ids were exchanged. Collective: all ranks must call.
[[nodiscard]] FetchedRows FetchTableRows(Communicator& communicator, const RowRequest& request,
                                         const MetaParameters& parameters);

/// A request for rows: [table] ids, unique, ascending; those of tables that are not sharded are
/// left out.
RowRequest RequestRows(const MetaParameters& parameters,
                       std::vector<std::vector<int64_t>> table_rows);

/// RequestRows, ExchangeIds and FetchTableRows; nothing when no table is sharded.
/// Collective: all ranks must call.
[[nodiscard]] FetchedRows FetchTableRows(Communicator& communicator,
                                         std::vector<std::vector<int64_t>> table_rows,
                                         const MetaParameters& parameters);

}  // namespace hearth
