#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <arrow/array.h>

namespace hearth {

/// Texts one behind the other, as ParquetStream sends them.
class Texts {
 public:
  /// Throws DataError when the texts take more than ParquetStream::kMaxBytes.
  void Add(std::string_view text);
  void Clear();
  /// Appends all of them to a message.
  void AppendTo(std::string* message) const;
  uint32_t size() const { return static_cast<uint32_t>(offsets_.size() - 1); }

 private:
  std::vector<uint32_t> offsets_ = {0};
  std::string bytes_;
};

/// True for the types that CellText reads.
bool IsValueType(const arrow::DataType& type);
bool IsTimeType(const arrow::DataType& type);
bool IsNumberType(const arrow::DataType& type);

/// The value of a cell as text, valid until the next call with this `buffer`: exact digits of
/// integers and decimals; the shortest digits that give a float back; "true", "false"; seconds
/// since 1970 for dates and timestamps; "" for null.
std::string_view CellText(const arrow::Array& array, int64_t row, std::string* buffer);

}  // namespace hearth
