#include "columnar/column_encoder.h"

#include <algorithm>
#include <limits>

#include <arrow/array/array_dict.h>
#include <arrow/array/array_nested.h>
#include <arrow/array/array_primitive.h>
#include <fmt/format.h>

#include "common/error.h"

namespace hearth {
namespace {

constexpr int64_t kSmallIntegers = int64_t{1} << 24;

void AppendNumbers(const std::vector<uint32_t>& numbers, std::string* rows) {
  rows->append(reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(uint32_t));
}

struct Range {
  int64_t begin = 0, size = 0;
};

// The values of a list. A null list may point at values; they do not count.
Range ValuesOf(const arrow::Array& array, int64_t row) {
  if (array.IsNull(row)) return {};
  if (array.type_id() == arrow::Type::LIST) {
    const auto& list = static_cast<const arrow::ListArray&>(array);
    return {list.value_offset(row), list.value_length(row)};
  }
  if (array.type_id() == arrow::Type::LARGE_LIST) {
    const auto& list = static_cast<const arrow::LargeListArray&>(array);
    return {list.value_offset(row), list.value_length(row)};
  }
  const auto& list = static_cast<const arrow::FixedSizeListArray&>(array);
  return {list.value_offset(row), list.value_length(row)};
}

const arrow::Array& ValuesOf(const arrow::Array& array) {
  switch (array.type_id()) {
    case arrow::Type::LIST:
      return *static_cast<const arrow::ListArray&>(array).values();
    case arrow::Type::LARGE_LIST:
      return *static_cast<const arrow::LargeListArray&>(array).values();
    default:
      return *static_cast<const arrow::FixedSizeListArray&>(array).values();
  }
}

bool IsList(const arrow::Array& array) {
  return array.type_id() == arrow::Type::LIST || array.type_id() == arrow::Type::LARGE_LIST ||
         array.type_id() == arrow::Type::FIXED_SIZE_LIST;
}

}  // namespace

int64_t ListSize(const arrow::Array& array, int64_t row) { return ValuesOf(array, row).size; }

void ColumnEncoder::Append(const arrow::Array& array, std::string* rows) {
  if (IsList(array)) {
    AppendList(array, rows);
  } else if (has_codes_) {
    AppendCodes(array, rows);
  } else {
    AppendTexts(array, rows);
  }
}

void ColumnEncoder::AppendTexts(const arrow::Array& array, std::string* rows) {
  Texts texts;
  for (int64_t row = 0; row < array.length(); ++row) texts.Add(CellText(array, row, &buffer_));
  texts.AppendTo(rows);
}

void ColumnEncoder::AppendList(const arrow::Array& array, std::string* rows) {
  const arrow::Array& values = ValuesOf(array);
  std::vector<uint32_t> starts = {0};
  Texts texts;
  for (int64_t row = 0; row < array.length(); ++row) {
    const Range range = ValuesOf(array, row);
    for (int64_t i = 0; i < range.size; ++i) {
      texts.Add(CellText(values, range.begin + i, &buffer_));
    }
    starts.push_back(texts.size());
  }
  AppendNumbers(starts, rows);
  texts.AppendTo(rows);
}

uint32_t ColumnEncoder::CodeOf(std::string_view text) {
  const auto next = static_cast<uint32_t>(code_of_text_.size());
  if (code_of_text_.size() == std::numeric_limits<uint32_t>::max()) {
    throw DataError("a column of ids has more than {} different values", next);
  }
  const auto [found, is_new] = code_of_text_.emplace(text, next);
  if (is_new) new_texts_.Add(text);
  return found->second;
}

void ColumnEncoder::AppendCodes(const arrow::Array& array, std::string* rows) {
  codes_.clear();
  if (array.type_id() == arrow::Type::INT64) {
    CodeIntegers(static_cast<const arrow::Int64Array&>(array));
  } else if (array.type_id() == arrow::Type::DICTIONARY) {
    CodeDictionary(array);
  } else {
    for (int64_t row = 0; row < array.length(); ++row) {
      codes_.push_back(CodeOf(CellText(array, row, &buffer_)));
    }
  }
  AppendNumbers(codes_, rows);
}

void ColumnEncoder::CodeIntegers(const arrow::Int64Array& array) {
  for (int64_t row = 0; row < array.length(); ++row) {
    if (array.IsNull(row)) {
      codes_.push_back(0);
      continue;
    }
    const int64_t value = array.Value(row);
    const bool is_small = value >= 0 && value < kSmallIntegers;
    if (is_small && value >= std::ssize(code_of_small_)) {
      code_of_small_.resize(std::min(kSmallIntegers, value + value / 2 + 1));
    }
    uint32_t& code = is_small ? code_of_small_[value] : code_of_big_[value];
    if (code == 0) code = CodeOf(CellText(array, row, &buffer_));
    codes_.push_back(code);
  }
}

void ColumnEncoder::CodeDictionary(const arrow::Array& array) {
  constexpr uint32_t kUnknown = std::numeric_limits<uint32_t>::max();
  const auto& coded = static_cast<const arrow::DictionaryArray&>(array);
  const arrow::Array& entries = *coded.dictionary();
  if (entries_ == nullptr || !entries_->Equals(entries)) {
    entries_ = coded.dictionary();
    code_of_entry_.assign(entries.length(), kUnknown);
  }
  for (int64_t row = 0; row < array.length(); ++row) {
    if (array.IsNull(row)) {
      codes_.push_back(0);
      continue;
    }
    const int64_t entry = coded.GetValueIndex(row);
    uint32_t& code = code_of_entry_[entry];
    if (code == kUnknown) code = CodeOf(CellText(entries, entry, &buffer_));
    codes_.push_back(code);
  }
}

}  // namespace hearth
