#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "trainer/table/rows_by_id.h"

namespace hearth {

/// Rows of sharded tables, brought from the ranks that own them (FetchTableRows). A value: later
/// steps of the tables do not change it. By default it holds nothing: tables that are whole on
/// every rank need no fetch.
struct FetchedRows {
  std::vector<RowsById> tables = {};  ///< [table]; of no ids for a table that is not sharded

  /// Copies rows of a table: any fetched ids, duplicates allowed -> [ids, dim]; fastest for ids
  /// that ascend. An id that was not fetched ends the process.
  at::Tensor Gather(size_t table, const std::string& table_name,
                    std::span<const int64_t> ids) const;
};

}  // namespace hearth
