#include "trainer/table/meta_parameters.h"

#include "trainer/tensor/parameters.h"

namespace hearth {

std::vector<at::Tensor> GatherTableRows(const MetaParameters& parameters,
                                        const std::vector<std::vector<int64_t>>& table_rows,
                                        const FetchedRows& fetched) {
  std::vector<at::Tensor> rows;
  for (size_t t = 0; t < parameters.tables.size(); ++t) {
    const EmbeddingTable& table = parameters.tables[t];
    if (table.shape().sharded) {
      rows.push_back(fetched.Gather(t, table.name(), table_rows[t]));
    } else {
      rows.push_back(table.Gather(table_rows[t]));
    }
  }
  return rows;
}

MetaParameters InitializeMetaParameters(const ParameterLayout& layout,
                                        const std::vector<TableSpec>& tables,
                                        TableOptimizer optimizer, uint64_t seed,
                                        at::TensorOptions options,
                                        const TableOptions& table_options,
                                        const TablePlacement& placement) {
  MetaParameters parameters{.dense = InitializeParameters(layout, seed, options), .tables = {}};
  for (const TableSpec& spec : tables) {
    parameters.tables.emplace_back(spec, optimizer, seed, options, table_options, placement);
  }
  return parameters;
}

}  // namespace hearth
