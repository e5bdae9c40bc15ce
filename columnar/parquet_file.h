#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/schema.h>

#include "storage/import/table.h"

namespace hearth {

/// A column of a file. The fields of a struct are columns with the names "struct.field".
struct ParquetColumn {
  std::string name;
  FieldForm form = FieldForm::kValue;  ///< kObject: of a type that is not read
  std::shared_ptr<arrow::DataType> type;
  std::vector<int> leaves;  ///< its columns in the file, as Parquet numbers them
};

/// One Parquet file. Every fault of the file throws DataError with its name; memory that runs out
/// throws std::bad_alloc.
class ParquetFile {
 public:
  explicit ParquetFile(std::string path);

  const std::vector<ParquetColumn>& columns() const { return columns_; }
  /// Starts to read the columns with these numbers.
  void Begin(const std::vector<size_t>& selected);
  /// The arrays of the next rows (at most ParquetStream::kMaxRows), [number in `selected`]; empty
  /// at the end. Throws when the file holds more or fewer rows than it claims.
  std::vector<std::shared_ptr<arrow::Array>> Next();
  int64_t row_count() const { return row_count_; }  ///< of the last Next()

 private:
  void AddColumns(const parquet::arrow::SchemaField& field, const std::string& prefix, int depth);

  std::string path_;
  std::unique_ptr<parquet::arrow::FileReader> file_;
  std::vector<ParquetColumn> columns_;
  std::vector<std::string> selected_;  // names
  std::unique_ptr<arrow::RecordBatchReader> batches_;
  int64_t row_count_ = 0, rows_read_ = 0;
};

}  // namespace hearth
