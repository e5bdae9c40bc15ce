#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "storage/import/parquet_process.h"
#include "storage/import/table.h"

namespace hearth {

/// A Parquet file, or a folder of such files that are read in the order of their names. Rows have
/// the numbers 1, 2, ... in their file. A null is a missing value; the fields of a struct are
/// columns "struct.field"; dates and timestamps are seconds since 1970, with a fraction.
class ParquetTable : public Table {
 public:
  /// Throws the errors of ParquetProcess, and DataError on repeated names.
  ParquetTable(std::string path, BadRows* bad_rows);

  bool Next() override;
  const std::vector<std::string_view>& fields() const override { return fields_; }
  RowPlace place() const override { return {files_[file_], row_number_}; }
  FieldForm FormOf(size_t column) const override;
  std::vector<std::string_view> Parts(size_t column, std::string_view separator) const override;
  const ColumnHeader& header() const override { return header_; }
  std::vector<std::string> FirstValues(size_t column) override { return columns_[column].first; }
  std::string_view format() const override { return "parquet"; }
  std::string Described() const override;
  bool IsTime(size_t column) const override { return columns_[column].is_time; }
  void Use(const std::vector<size_t>& ids, const std::vector<size_t>& others) override;
  uint32_t CodeOf(size_t column) const override;

 private:
  struct Column {
    FieldForm form = FieldForm::kValue;
    bool is_time = false;
    std::vector<std::string> first;  // texts of the first rows
    ParquetStream::ColumnUse use = ParquetStream::kText;

    // The rows of the current message.
    std::vector<std::string_view> texts;  // [row], or the values of lists
    std::vector<uint32_t> starts;         // [row + 1] of the values of lists
    std::vector<uint32_t> codes;          // [row]
    // The texts of codes, over all rows.
    std::vector<std::string_view> text_of_code;
    std::deque<std::string> kept;    // holds them
    bool has_invalid_codes = false;  // some of them are no UTF-8
  };
  class Message;

  void ReadHeader();
  bool Receive();
  void TakeDictionary();
  void TakeRows();
  bool HasFault(size_t column) const;
  void FillFields();

  std::string path_;
  std::vector<std::string> files_;
  BadRows* bad_rows_;
  ParquetProcess process_;
  ColumnHeader header_;
  std::vector<Column> columns_;
  std::string body_;  // of the current message
  bool is_begun_ = false;
  bool has_faults_ = false;  // some text of the current message is no UTF-8
  size_t file_ = 0;
  size_t row_ = 0, row_count_ = 0;  // of the message
  int64_t row_number_ = 0;
  std::vector<size_t> used_;  // columns
  std::vector<std::string_view> fields_;
};

/// True for a file that begins as Parquet files do, and for a folder with *.parquet files.
bool IsParquet(const std::string& path);

/// The files of a table: those of a Parquet folder, or `path` alone. Hidden files and those that
/// begin with '_' do not count. Throws DataError when a folder has none.
std::vector<std::string> TableFiles(const std::string& path);

}  // namespace hearth
