#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "storage/import/column_header.h"
#include "storage/import/convert.h"
#include "storage/import/record_reader.h"

namespace hearth {

/// The header of a delimited table, and how its rows are read.
struct TableForm {
  RecordFormat format;
  bool has_header = true;
  ColumnHeader header;                         ///< without a header line the names are 1, 2, ...
  std::vector<std::vector<std::string>> rows;  ///< the first rows, without the header line
};

/// The number of rows that a guess looks at.
inline constexpr size_t kRowsLookedAt = 100;

/// Looks at the begin of a table. The options decide; where they say nothing, the first line tells
/// the delimiter, and a first row with numbers wherever the next rows have numbers is no header.
/// `records` then returns the rows of the table, without the header line. Throws DataError when the
/// table is empty or a name occurs twice, UsageError when the delimiter cannot be told.
TableForm FindTableForm(const std::string& path, const ColumnOptions& options,
                        RecordReader* records);

/// The delimiter for people: "','" or "tabs".
std::string DelimiterName(std::string_view separator);

}  // namespace hearth
