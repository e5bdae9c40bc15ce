#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "trainer/table/rows_by_id.h"

namespace hearth {

/// Rows of sharded tables, brought from the ranks that own them (FetchTableRows). A value: later
/// steps of the tables do not change it. Made by default it holds nothing, and that is all that
/// tables need that are whole on every rank.
struct FetchedRows {
  std::vector<RowsById> tables = {};  ///< [table]; of no ids for a table that is not sharded

  /// Copies rows of a table: any ids among the fetched ones, duplicates allowed -> [ids, dim]; the
  /// fastest where ids ascend. An id that was not fetched ends the process.
  at::Tensor Gather(size_t table, const std::string& table_name,
                    std::span<const int64_t> ids) const;
};

}  // namespace hearth
