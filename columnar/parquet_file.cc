#include "columnar/parquet_file.h"

#include <algorithm>
#include <map>
#include <new>
#include <numeric>
#include <utility>

#include <arrow/array/array_nested.h>
#include <arrow/io/file.h>
#include <arrow/memory_pool.h>
#include <arrow/type.h>
#include <parquet/file_reader.h>
#include <parquet/properties.h>

#include "columnar/cell_text.h"
#include "common/error.h"
#include "storage/import/parquet_stream.h"

namespace hearth {
namespace {

constexpr int kMaxDepth = 100;
constexpr int64_t kReadBytes = int64_t{1} << 20;

void Require(const arrow::Status& status, const std::string& path) {
  if (status.IsOutOfMemory()) throw std::bad_alloc();
  if (!status.ok()) throw DataError("{} is damaged or not supported: {}", path, status.message());
}

template <typename Value>
Value Require(arrow::Result<Value> result, const std::string& path) {
  Require(result.status(), path);
  return std::move(result).ValueUnsafe();
}

void AddLeaves(const parquet::arrow::SchemaField& field, std::vector<int>* leaves) {
  if (field.is_leaf()) leaves->push_back(field.column_index);
  for (const parquet::arrow::SchemaField& child : field.children) AddLeaves(child, leaves);
}

bool IsListType(const arrow::DataType& type) {
  const arrow::Type::type id = type.id();
  return (id == arrow::Type::LIST || id == arrow::Type::LARGE_LIST ||
          id == arrow::Type::FIXED_SIZE_LIST) &&
         IsValueType(*type.field(0)->type());
}

// Adds the arrays of a struct under the names of its fields. A null struct has null fields.
void AddArrays(const std::string& name, const std::shared_ptr<arrow::Array>& array,
               const std::string& path,
               std::map<std::string, std::shared_ptr<arrow::Array>>* arrays) {
  if (array->type_id() != arrow::Type::STRUCT) {
    arrays->emplace(name, array);
    return;
  }
  const auto& fields = static_cast<const arrow::StructArray&>(*array);
  const arrow::ArrayVector flat = Require(fields.Flatten(), path);
  for (int i = 0; i < std::ssize(flat); ++i) {
    AddArrays(name + "." + array->type()->field(i)->name(), flat[i], path, arrays);
  }
}

}  // namespace

ParquetFile::ParquetFile(std::string path) : path_(std::move(path)) {
  arrow::MemoryPool* const pool = arrow::system_memory_pool();
  parquet::ReaderProperties properties(pool);
  properties.enable_buffered_stream();  // a column is not read into memory as a whole
  properties.set_buffer_size(kReadBytes);
  const auto input = Require(arrow::io::ReadableFile::Open(path_, pool), path_);
  auto reader = parquet::ParquetFileReader::Open(input, properties);
  parquet::ArrowReaderProperties reading;
  reading.set_use_threads(false);
  reading.set_pre_buffer(false);
  reading.set_batch_size(ParquetStream::kMaxRows);
  reading.set_coerce_int96_timestamp_unit(arrow::TimeUnit::MICRO);  // of years after 2262, too
  const parquet::SchemaDescriptor& schema = *reader->metadata()->schema();
  for (int i = 0; i < schema.num_columns(); ++i) {
    const parquet::ColumnDescriptor& column = *schema.Column(i);
    const bool is_text = column.physical_type() == parquet::Type::BYTE_ARRAY &&
                         column.logical_type()->is_string() && column.max_repetition_level() == 0;
    if (is_text) reading.set_read_dictionary(i, true);
  }
  file_ = Require(parquet::arrow::FileReader::Make(pool, std::move(reader), reading), path_);
  for (const parquet::arrow::SchemaField& field : file_->manifest().schema_fields) {
    AddColumns(field, "", 0);
  }
  if (columns_.empty()) throw DataError("{} has no column", path_);
}

void ParquetFile::AddColumns(const parquet::arrow::SchemaField& field, const std::string& prefix,
                             int depth) {
  const std::string name = prefix + field.field->name();
  const std::shared_ptr<arrow::DataType>& type = field.field->type();
  if (type->id() == arrow::Type::STRUCT && depth < kMaxDepth) {
    for (const parquet::arrow::SchemaField& child : field.children) {
      AddColumns(child, name + ".", depth + 1);
    }
    return;
  }
  ParquetColumn column{.name = name, .type = type, .leaves = {}};
  AddLeaves(field, &column.leaves);
  if (!IsValueType(*type)) column.form = FieldForm::kObject;
  if (IsListType(*type)) column.form = FieldForm::kList;
  columns_.push_back(std::move(column));
  if (columns_.size() > ParquetStream::kMaxColumns) {
    throw DataError("{} has more than {} columns", path_, ParquetStream::kMaxColumns);
  }
}

void ParquetFile::Begin(const std::vector<size_t>& selected) {
  std::vector<int> leaves, groups(file_->num_row_groups());
  std::iota(groups.begin(), groups.end(), 0);
  selected_.clear();
  for (const size_t i : selected) {
    selected_.push_back(columns_[i].name);
    leaves.insert(leaves.end(), columns_[i].leaves.begin(), columns_[i].leaves.end());
  }
  rows_read_ = 0;
  batches_ = Require(file_->GetRecordBatchReader(groups, leaves), path_);
}

std::vector<std::shared_ptr<arrow::Array>> ParquetFile::Next() {
  std::shared_ptr<arrow::RecordBatch> batch;
  do {
    Require(batches_->ReadNext(&batch), path_);
  } while (batch != nullptr && batch->num_rows() == 0);
  if (batch == nullptr) {
    const int64_t claimed = file_->parquet_reader()->metadata()->num_rows();
    if (rows_read_ == claimed) return {};
    throw DataError("{} is damaged: it claims {} rows and holds {}", path_, claimed, rows_read_);
  }
  Require(batch->ValidateFull(), path_);
  row_count_ = batch->num_rows();
  rows_read_ += row_count_;
  std::map<std::string, std::shared_ptr<arrow::Array>> arrays;
  for (int i = 0; i < batch->num_columns(); ++i) {
    AddArrays(batch->column_name(i), batch->column(i), path_, &arrays);
  }
  std::vector<std::shared_ptr<arrow::Array>> selected;
  for (const std::string& name : selected_) {
    const auto found = arrays.find(name);
    if (found == arrays.end()) throw DataError("{}: column '{}' cannot be read", path_, name);
    selected.push_back(found->second);
  }
  return selected;
}

}  // namespace hearth
