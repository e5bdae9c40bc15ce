#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "trainer/table/embedding_table.h"
#include "trainer/table/fetched_rows.h"
#include "trainer/tensor/parameter_layout.h"

namespace hearth {

/// All learned values: the flat dense parameters and the embedding tables.
struct MetaParameters {
  at::Tensor dense;                    ///< [layout.size()]
  std::vector<EmbeddingTable> tables;  ///< in the order of the model's tables
};

/// Copies the table rows that a batch touches: table_rows[table] ids -> [table] tensor [ids, dim].
/// Rows of sharded tables come from `fetched`; it holds nothing when no table is sharded.
std::vector<at::Tensor> GatherTableRows(const MetaParameters& parameters,
                                        const std::vector<std::vector<int64_t>>& table_rows,
                                        const FetchedRows& fetched = {});

/// The first values: a pure function of (layout, tables, seed). The placement does not change them.
MetaParameters InitializeMetaParameters(const ParameterLayout& layout,
                                        const std::vector<TableSpec>& tables,
                                        TableOptimizer optimizer, uint64_t seed,
                                        at::TensorOptions options,
                                        const TableOptions& table_options = {},
                                        const TablePlacement& placement = {});

}  // namespace hearth
