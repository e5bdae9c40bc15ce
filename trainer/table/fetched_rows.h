#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "trainer/table/rows_by_id.h"

namespace hearth {

/// Copies of rows of sharded tables, brought from the ranks that own them (FetchTableRows). Later
/// steps of the tables do not change the copies. The default holds nothing: tables that are whole
/// on every rank need no fetch.
struct FetchedRows {
  std::vector<RowsById> tables = {};  ///< [table]; a table that is not sharded has no ids

  /// Copies rows of a table: ids -> [ids, dim]. Duplicates are allowed; ascending ids are fastest.
  /// An id that was not fetched ends the process.
  at::Tensor Gather(size_t table, const std::string& table_name,
                    std::span<const int64_t> ids) const;
};

}  // namespace hearth
