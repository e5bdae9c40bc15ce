#include "storage/import/delimited_table.h"
#include "storage/import/table.h"

namespace hearth {

std::unique_ptr<Table> OpenTable(const std::string& path, const ColumnOptions& options,
                                 BadRows* bad_rows) {
  auto records = std::make_unique<RecordReader>(path, RecordFormat(), bad_rows);
  TableForm form = FindTableForm(path, options, records.get());
  return std::make_unique<DelimitedTable>(path, std::move(records), std::move(form));
}

}  // namespace hearth
