#include "columnar/cell_text.h"

#include <charconv>
#include <cmath>

#include <arrow/array/array_binary.h>
#include <arrow/array/array_decimal.h>
#include <arrow/array/array_dict.h>
#include <arrow/array/array_primitive.h>
#include <arrow/type.h>
#include <fmt/format.h>

#include "common/error.h"
#include "storage/import/parquet_stream.h"

namespace hearth {
namespace {

using arrow::Type;

template <typename Array>
std::string_view Integer(const arrow::Array& array, int64_t row, std::string* buffer) {
  buffer->resize(24);
  const auto value = static_cast<const Array&>(array).Value(row);
  const auto end = std::to_chars(buffer->data(), buffer->data() + buffer->size(), value).ptr;
  return {buffer->data(), static_cast<size_t>(end - buffer->data())};
}

// 100000 is "100000", not "1e+05": a number may be an id.
template <typename Array>
std::string_view Float(const arrow::Array& array, int64_t row, std::string* buffer) {
  buffer->resize(64);
  const auto value = static_cast<const Array&>(array).Value(row);
  constexpr double kExactIntegers = 9007199254740992.0;  // 2^53
  char* const begin = buffer->data();
  char* const last = begin + buffer->size();
  const bool is_integer = std::fabs(value) <= kExactIntegers && std::trunc(value) == value;
  const auto end = is_integer ? std::to_chars(begin, last, static_cast<int64_t>(value)).ptr
                              : std::to_chars(begin, last, value).ptr;
  return {begin, static_cast<size_t>(end - begin)};
}

template <typename Array>
std::string_view Bytes(const arrow::Array& array, int64_t row) {
  return static_cast<const Array&>(array).GetView(row);
}

// `value` / `per_second` with all its digits.
std::string_view Seconds(int64_t value, int64_t per_second, std::string* buffer) {
  const bool is_negative = value < 0;
  const uint64_t size =
      is_negative ? uint64_t{0} - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
  const auto unit = static_cast<uint64_t>(per_second);
  *buffer = fmt::format("{}{}", is_negative ? "-" : "", size / unit);
  if (size % unit != 0) {
    const std::string digits = std::to_string(unit + size % unit);  // a 1 before the fraction
    *buffer += "." + digits.substr(1, digits.find_last_not_of('0'));
  }
  return *buffer;
}

int64_t PerSecond(arrow::TimeUnit::type unit) {
  switch (unit) {
    case arrow::TimeUnit::SECOND:
      return 1;
    case arrow::TimeUnit::MILLI:
      return 1'000;
    case arrow::TimeUnit::MICRO:
      return 1'000'000;
    case arrow::TimeUnit::NANO:
      return 1'000'000'000;
  }
  return 1;
}

std::string_view TimeText(const arrow::Array& array, int64_t row, std::string* buffer) {
  constexpr int64_t kDaySeconds = 86'400;
  if (array.type_id() == Type::DATE32) {
    return Seconds(static_cast<const arrow::Date32Array&>(array).Value(row) * kDaySeconds, 1,
                   buffer);
  }
  if (array.type_id() == Type::DATE64) {
    return Seconds(static_cast<const arrow::Date64Array&>(array).Value(row), 1'000, buffer);
  }
  const auto& type = static_cast<const arrow::TimestampType&>(*array.type());
  return Seconds(static_cast<const arrow::TimestampArray&>(array).Value(row),
                 PerSecond(type.unit()), buffer);
}

std::string_view NumberText(const arrow::Array& array, int64_t row, std::string* buffer) {
  switch (array.type_id()) {
    case Type::INT8:
      return Integer<arrow::Int8Array>(array, row, buffer);
    case Type::INT16:
      return Integer<arrow::Int16Array>(array, row, buffer);
    case Type::INT32:
      return Integer<arrow::Int32Array>(array, row, buffer);
    case Type::INT64:
      return Integer<arrow::Int64Array>(array, row, buffer);
    case Type::UINT8:
      return Integer<arrow::UInt8Array>(array, row, buffer);
    case Type::UINT16:
      return Integer<arrow::UInt16Array>(array, row, buffer);
    case Type::UINT32:
      return Integer<arrow::UInt32Array>(array, row, buffer);
    case Type::UINT64:
      return Integer<arrow::UInt64Array>(array, row, buffer);
    case Type::FLOAT:
      return Float<arrow::FloatArray>(array, row, buffer);
    case Type::DOUBLE:
      return Float<arrow::DoubleArray>(array, row, buffer);
    case Type::DECIMAL128:
      *buffer = static_cast<const arrow::Decimal128Array&>(array).FormatValue(row);
      return *buffer;
    case Type::DECIMAL256:
      *buffer = static_cast<const arrow::Decimal256Array&>(array).FormatValue(row);
      return *buffer;
    default:
      throw DataError("values of the type {} are not read", array.type()->ToString());
  }
}

}  // namespace

void Texts::Add(std::string_view text) {
  if (bytes_.size() + text.size() > ParquetStream::kMaxBytes / 2) {
    throw DataError("{} rows hold more than {} MiB of text in one column", offsets_.size(),
                    ParquetStream::kMaxBytes >> 21);
  }
  bytes_ += text;
  offsets_.push_back(static_cast<uint32_t>(bytes_.size()));
}

void Texts::Clear() {
  offsets_.resize(1);
  bytes_.clear();
}

void Texts::AppendTo(std::string* message) const {
  const uint32_t count = size();
  message->append(reinterpret_cast<const char*>(&count), sizeof(count));
  message->append(reinterpret_cast<const char*>(offsets_.data()),
                  offsets_.size() * sizeof(uint32_t));
  message->append(bytes_);
}

bool IsTimeType(const arrow::DataType& type) {
  return type.id() == Type::DATE32 || type.id() == Type::DATE64 || type.id() == Type::TIMESTAMP;
}

bool IsNumberType(const arrow::DataType& type) {
  const Type::type id = type.id();
  return (arrow::is_integer(id) || id == Type::FLOAT || id == Type::DOUBLE ||
          id == Type::DECIMAL128 || id == Type::DECIMAL256);
}

bool IsValueType(const arrow::DataType& type) {
  const Type::type id = type.id();
  if (id == Type::DICTIONARY) {
    return IsValueType(*static_cast<const arrow::DictionaryType&>(type).value_type());
  }
  return IsNumberType(type) || IsTimeType(type) || id == Type::BOOL || id == Type::STRING ||
         id == Type::LARGE_STRING || id == Type::BINARY || id == Type::LARGE_BINARY;
}

std::string_view CellText(const arrow::Array& array, int64_t row, std::string* buffer) {
  if (array.IsNull(row)) return "";
  switch (array.type_id()) {
    case Type::STRING:
      return Bytes<arrow::StringArray>(array, row);
    case Type::BINARY:
      return Bytes<arrow::BinaryArray>(array, row);
    case Type::LARGE_STRING:
      return Bytes<arrow::LargeStringArray>(array, row);
    case Type::LARGE_BINARY:
      return Bytes<arrow::LargeBinaryArray>(array, row);
    case Type::BOOL:
      return static_cast<const arrow::BooleanArray&>(array).Value(row) ? "true" : "false";
    case Type::DICTIONARY: {
      const auto& coded = static_cast<const arrow::DictionaryArray&>(array);
      return CellText(*coded.dictionary(), coded.GetValueIndex(row), buffer);
    }
    case Type::DATE32:
    case Type::DATE64:
    case Type::TIMESTAMP:
      return TimeText(array, row, buffer);
    default:
      return NumberText(array, row, buffer);
  }
}

}  // namespace hearth
