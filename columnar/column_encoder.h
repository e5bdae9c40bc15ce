#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <arrow/array.h>

#include "columnar/cell_text.h"

namespace hearth {

/// The number of values of a list; 0 for null.
int64_t ListSize(const arrow::Array& array, int64_t row);

/// Writes the arrays of one column as parts of ParquetStream messages.
class ColumnEncoder {
 public:
  explicit ColumnEncoder(bool has_codes) : has_codes_(has_codes) {
    if (has_codes_) CodeOf("");
  }

  /// Appends the array to `rows`, a kRows message.
  void Append(const arrow::Array& array, std::string* rows);
  /// The texts that got a code since the last call.
  Texts TakeNewTexts() { return std::exchange(new_texts_, {}); }

 private:
  void AppendTexts(const arrow::Array& array, std::string* rows);
  void AppendList(const arrow::Array& array, std::string* rows);
  void AppendCodes(const arrow::Array& array, std::string* rows);
  uint32_t CodeOf(std::string_view text);
  void CodeIntegers(const arrow::Int64Array& array);
  void CodeDictionary(const arrow::Array& array);

  bool has_codes_;
  std::string buffer_;
  std::vector<uint32_t> codes_;  // of the current array
  Texts new_texts_;
  std::unordered_map<std::string, uint32_t> code_of_text_;
  std::shared_ptr<arrow::Array> entries_;  // the dictionary of the last array
  std::vector<uint32_t> code_of_entry_;
  std::vector<uint32_t> code_of_small_;                // [integer >= 0]; 0: none yet
  std::unordered_map<int64_t, uint32_t> code_of_big_;  // other integers
};

}  // namespace hearth
