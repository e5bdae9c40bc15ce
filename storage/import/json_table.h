#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "storage/import/record_reader.h"
#include "storage/import/table.h"

namespace hearth {

/// A table of JSON lines: an object per line. Its keys name the columns, in order of appearance. An
/// absent key and null are missing values. Lists inside a list are joined to it. A line that is no
/// valid object is rejected, also one with a key that occurs twice or a text with a NUL character
/// in a key.
class JsonTable : public Table {
 public:
  /// `records` stands at the begin of the file. Throws DataError when none of the first lines is an
  /// object; the message names the remedy.
  JsonTable(std::string path, std::unique_ptr<RecordReader> records, BadRows* bad_rows);

  bool Next() override;
  const std::vector<std::string_view>& fields() const override { return fields_; }
  RowPlace place() const override { return records_->place(); }
  FieldForm FormOf(size_t column) const override;
  std::vector<std::string_view> Parts(size_t column, std::string_view separator) const override;
  const ColumnHeader& header() const override { return header_; }
  /// "a.b" is the key b of the object under the key a, if one of the first rows has it.
  size_t Find(std::string_view name) override;
  size_t RequireColumn(std::string_view name) override;
  std::vector<std::string> FirstValues(size_t column) override;
  std::string_view format() const override { return "jsonl"; }
  std::string Described() const override { return "table: a JSON object per line"; }

 private:
  /// The value of a column in the row with the number `row`.
  struct Cell {
    int64_t row = 0;
    FieldForm form = FieldForm::kValue;
    std::string text;
    std::vector<std::string> values;  // of a list
    bool has_numbers_only = true;     // the list
  };
  class Handler;

  /// Makes `line` the current row. Returns "", or why it is none; then no column was added.
  std::string Parse(std::string_view line);
  size_t AddColumn(std::string_view name);
  void Truncate(size_t size);
  /// Gives columns without a type the one that the lists of the rows tell.
  void SetTypes(size_t first_column, const std::vector<std::string>& lines);
  bool IsThere(size_t column) const { return cells_[column].row == row_; }
  [[noreturn]] void ThrowNoObject(std::string_view line, const std::string& why) const;

  std::string path_;
  std::unique_ptr<RecordReader> records_;
  BadRows* bad_rows_;
  std::vector<std::string> first_lines_;
  ColumnHeader header_;
  std::unordered_map<std::string, size_t> positions_;  // of columns
  std::vector<Cell> cells_;                            // [column]
  int64_t row_ = 0;                                    // the number of Parse calls
  std::vector<std::string_view> fields_;
};

}  // namespace hearth
