#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "storage/import/column_header.h"
#include "storage/import/convert.h"
#include "storage/import/record_reader.h"
#include "storage/import/table.h"

namespace hearth {

/// The header of a delimited table, and how its rows are read.
struct TableForm {
  RecordFormat format;
  bool has_header = true;
  bool header_was_given = true;                ///< not guessed
  ColumnHeader header;                         ///< without any names they are 1, 2, ...
  bool has_names = true;                       ///< false: the names are 1, 2, ...
  std::vector<std::vector<std::string>> rows;  ///< the first rows, without the header line
};

/// Looks at the begin of a table. The options decide; where they say nothing, the first line tells
/// the delimiter, and a first row with numbers wherever the next rows have numbers is no header. A
/// format with known columns takes a first row with any of their names for a header. `records` then
/// returns the rows of the table, without the header line. Throws DataError when the table is empty
/// or a name occurs twice, UsageError when the delimiter cannot be told.
TableForm FindTableForm(const std::string& path, const ColumnOptions& options,
                        RecordReader* records);

/// The form of RecBole's atomic files: tabs, no quotes, a header of name:type fields. `records`
/// then returns the rows behind the header. Throws DataError when the file is empty.
TableForm FindAtomicForm(const std::string& path, RecordReader* records);

/// A table of delimited text.
class DelimitedTable : public Table {
 public:
  /// `form` comes from one of the functions above.
  DelimitedTable(std::string path, std::unique_ptr<RecordReader> records, TableForm form);

  bool Next() override { return records_->Next(); }
  const std::vector<std::string_view>& fields() const override { return records_->fields(); }
  RowPlace place() const override { return records_->place(); }
  bool Require(size_t least) override { return records_->Require(least, form_.header.size()); }
  const ColumnHeader& header() const override { return form_.header; }
  bool has_names() const override { return form_.has_names; }
  /// A number from 1 gives a column, too. Without names a number is required.
  size_t RequireColumn(std::string_view name) override;
  std::vector<std::string> FirstValues(size_t column) override;
  int64_t joined_line_count() const override { return records_->joined_line_count(); }
  std::string_view format() const override { return "csv"; }
  std::string Described() const override;

 private:
  std::string path_;
  std::unique_ptr<RecordReader> records_;
  TableForm form_;
};

/// Opens a RecBole atomic file.
std::unique_ptr<Table> OpenAtomicTable(const std::string& path, BadRows* bad_rows);

}  // namespace hearth
