#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "storage/import/convert.h"
#include "storage/import/event_source.h"
#include "storage/import/table.h"

namespace hearth {

/// A log that is one table, and what its format knows of it.
struct TableLog {
  std::string format;  ///< for people: "avazu"
  std::string file;
  ColumnOptions columns;         ///< without a name: user "user", item "item", others none
  std::string task_column = {};  ///< its values are the tasks; "": users or items are
  std::string missing_id = {};   ///< EventColumns::missing_id
  size_t least_fields = 0;       ///< of a row that lacks empty fields at its end; 0: no row does
  std::vector<std::string> notes = {};  ///< the first notes of the source
};

/// The importer of `log`. `table` is its file, before the first row. Throws DataError when a column
/// is missing.
std::unique_ptr<EventSource> MakeTableSource(TableLog log, std::unique_ptr<Table> table,
                                             BadRows* bad_rows);

}  // namespace hearth
