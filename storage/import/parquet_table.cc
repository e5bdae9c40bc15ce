#include "storage/import/parquet_table.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/error.h"
#include "common/utf8.h"
#include "storage/import/text_input.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kNonsense = "its reader talks nonsense";

std::vector<std::string> PartsOf(const std::string& folder) {
  std::vector<std::string> parts;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with('.') || name.starts_with('_')) continue;
    if (entry.path().extension() == ".parquet") parts.push_back(entry.path().string());
  }
  std::sort(parts.begin(), parts.end());
  return parts;
}

}  // namespace

bool IsParquet(const std::string& path) {
  std::error_code ignored;
  if (IsReadOnce(path)) return false;
  if (fs::is_directory(path, ignored)) return !PartsOf(path).empty();
  std::string magic(4, '\0');
  std::ifstream(path, std::ios::binary).read(magic.data(), std::ssize(magic));
  return magic == "PAR1" || magic == "PARE";
}

std::vector<std::string> TableFiles(const std::string& path) {
  std::error_code ignored;
  if (path == "-" || !fs::is_directory(path, ignored)) return {path};
  std::vector<std::string> parts = PartsOf(path);
  if (parts.empty()) throw DataError("{} is a folder without *.parquet files", path);
  return parts;
}

// Takes the parts of a message, and checks all lengths.
class ParquetTable::Message {
 public:
  Message(std::string_view bytes, const ParquetProcess& process)
      : bytes_(bytes), process_(process) {}

  std::string_view Bytes(uint64_t count) {
    if (count > bytes_.size()) process_.Fail(std::string(kNonsense));
    const std::string_view taken = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    return taken;
  }

  uint32_t Number() {
    uint32_t number = 0;
    std::memcpy(&number, Bytes(sizeof(number)).data(), sizeof(number));
    return number;
  }

  void Numbers(uint64_t count, std::vector<uint32_t>* numbers) {
    const std::string_view taken = Bytes(count * sizeof(uint32_t));
    numbers->resize(count);
    std::memcpy(numbers->data(), taken.data(), taken.size());
  }

  /// Returns all their bytes.
  std::string_view Texts(std::vector<std::string_view>* texts) {
    std::vector<uint32_t> offsets;
    Numbers(uint64_t{Number()} + 1, &offsets);
    const std::string_view all = Bytes(offsets.back());
    RequireIncreasing(offsets);
    texts->clear();
    for (size_t i = 0; i + 1 < offsets.size(); ++i) {
      texts->push_back(all.substr(offsets[i], offsets[i + 1] - offsets[i]));
    }
    return all;
  }

  void RequireIncreasing(const std::vector<uint32_t>& numbers) const {
    Require(numbers.front() == 0 && std::ranges::is_sorted(numbers));
  }

  void Require(bool is_right) const {
    if (!is_right) process_.Fail(std::string(kNonsense));
  }

  void RequireEnd() const { Require(bytes_.empty()); }

 private:
  std::string_view bytes_;
  const ParquetProcess& process_;
};

ParquetTable::ParquetTable(std::string path, BadRows* bad_rows)
    : path_(std::move(path)),
      files_(TableFiles(path_)),
      bad_rows_(bad_rows),
      process_(files_),
      header_(path_) {
  ReadHeader();
}

void ParquetTable::ReadHeader() {
  if (process_.Receive(&body_) != ParquetStream::kHeader) process_.Fail(std::string(kNonsense));
  try {
    const nlohmann::json header = nlohmann::json::parse(body_);
    for (const nlohmann::json& described : header.at("columns")) {
      const auto name = described.at("name").get<std::string>();
      if (header_.Find(name) != ColumnHeader::kNone) {
        throw DataError("{}: two columns have the name '{}'", path_, name);
      }
      header_.Add(name);
      header_.SetType(header_.size() - 1, described.at("type").get<std::string>());
      const int form = described.at("form").get<int>();
      if (form < 0 || form > static_cast<int>(FieldForm::kObject)) {
        process_.Fail(std::string(kNonsense));
      }
      Column column;
      column.form = static_cast<FieldForm>(form);
      column.is_time = described.at("time").get<bool>();
      column.first = described.at("first").get<std::vector<std::string>>();
      if (column.form == FieldForm::kObject) column.use = ParquetStream::kUnused;
      columns_.push_back(std::move(column));
    }
  } catch (const nlohmann::json::exception&) {
    process_.Fail(std::string(kNonsense));
  }
}

void ParquetTable::Use(const std::vector<size_t>& ids, const std::vector<size_t>& others) {
  for (size_t i = 0; i < columns_.size(); ++i) {
    Column& column = columns_[i];
    if (column.form == FieldForm::kObject) continue;
    const bool is_id = std::ranges::find(ids, i) != ids.end();
    const bool is_used = is_id || std::ranges::find(others, i) != others.end();
    column.use = is_used ? ParquetStream::kText : ParquetStream::kUnused;
    if (is_id && column.form == FieldForm::kValue) column.use = ParquetStream::kCodes;
  }
}

bool ParquetTable::Next() {
  if (!is_begun_) {
    std::vector<uint8_t> uses;
    for (size_t i = 0; i < columns_.size(); ++i) {
      uses.push_back(columns_[i].use);
      fields_.push_back(columns_[i].form == FieldForm::kObject ? "{...}" : "");
      if (columns_[i].use != ParquetStream::kUnused) used_.push_back(i);
    }
    process_.SendUses(uses);
    is_begun_ = true;
  }
  while (true) {
    if (++row_ >= row_count_ && !Receive()) return false;
    ++row_number_;
    FillFields();
    if (!has_faults_) return true;
    size_t column = 0;
    while (column < columns_.size() && !HasFault(column)) ++column;
    if (column == columns_.size()) return true;
    bad_rows_->Reject(place(), header_.name(column), "", "a text that is not UTF-8");
  }
}

// Takes messages up to the next rows. False: there are no more.
bool ParquetTable::Receive() {
  row_ = row_count_ = 0;
  has_faults_ = false;
  while (row_count_ == 0) {
    const ParquetStream::Message message = process_.Receive(&body_);
    if (message == ParquetStream::kEnd) return false;
    if (message == ParquetStream::kDictionary) {
      TakeDictionary();
    } else if (message == ParquetStream::kRows) {
      TakeRows();
    } else {
      Message file(body_, process_);
      file_ = file.Number();
      file.Require(message == ParquetStream::kFile && file_ < files_.size());
      row_number_ = 0;
    }
  }
  return true;
}

void ParquetTable::TakeDictionary() {
  Message message(body_, process_);
  const uint32_t position = message.Number();
  message.Require(position < columns_.size());
  Column& column = columns_[position];
  column.kept.push_back(body_);
  Message kept(column.kept.back(), process_);
  kept.Number();
  std::vector<std::string_view> texts;
  const std::string_view all = kept.Texts(&texts);
  kept.RequireEnd();
  if (FirstInvalidUtf8(all) != std::string_view::npos) column.has_invalid_codes = true;
  column.text_of_code.insert(column.text_of_code.end(), texts.begin(), texts.end());
}

void ParquetTable::TakeRows() {
  Message message(body_, process_);
  row_count_ = message.Number();
  message.Require(row_count_ > 0 && row_count_ <= ParquetStream::kMaxRows);
  for (Column& column : columns_) {
    if (column.use == ParquetStream::kUnused) continue;
    if (column.use == ParquetStream::kCodes) {
      message.Numbers(row_count_, &column.codes);
      message.Require(*std::ranges::max_element(column.codes) < column.text_of_code.size());
      has_faults_ = has_faults_ || column.has_invalid_codes;
      continue;
    }
    const bool is_list = column.form == FieldForm::kList;
    if (is_list) message.Numbers(row_count_ + 1, &column.starts);
    if (is_list) message.RequireIncreasing(column.starts);
    const std::string_view all = message.Texts(&column.texts);
    message.Require(column.texts.size() == (is_list ? column.starts.back() : row_count_));
    if (FirstInvalidUtf8(all) != std::string_view::npos) has_faults_ = true;
  }
  message.RequireEnd();
}

void ParquetTable::FillFields() {
  for (const size_t i : used_) {
    const Column& column = columns_[i];
    if (column.use == ParquetStream::kCodes) {
      fields_[i] = column.text_of_code[column.codes[row_]];
    } else if (column.form == FieldForm::kValue) {
      fields_[i] = column.texts[row_];
    } else {
      fields_[i] = column.starts[row_ + 1] > column.starts[row_] ? "[...]" : "";
    }
  }
}

bool ParquetTable::HasFault(size_t i) const {
  const Column& column = columns_[i];
  const auto is_invalid = [](std::string_view text) {
    return FirstInvalidUtf8(text) != std::string_view::npos;
  };
  if (column.use == ParquetStream::kUnused) return false;
  if (column.form != FieldForm::kList) return is_invalid(fields_[i]);
  const std::vector<std::string_view> values = Parts(i, "");
  return std::ranges::any_of(values, is_invalid);
}

FieldForm ParquetTable::FormOf(size_t column) const {
  const bool is_null = fields_[column].empty();
  return is_null ? FieldForm::kValue : columns_[column].form;
}

std::vector<std::string_view> ParquetTable::Parts(size_t i, std::string_view separator) const {
  const Column& column = columns_[i];
  if (FormOf(i) != FieldForm::kList) return Table::Parts(i, separator);
  const auto values = column.texts.begin();
  return {values + column.starts[row_], values + column.starts[row_ + 1]};
}

uint32_t ParquetTable::CodeOf(size_t i) const {
  const Column& column = columns_[i];
  return column.use == ParquetStream::kCodes ? column.codes[row_] : RawEvent::kNoCode;
}

std::string ParquetTable::Described() const {
  if (files_.size() == 1) return "table: Parquet";
  return fmt::format("table: Parquet, {} files in the order of their names", files_.size());
}

}  // namespace hearth
