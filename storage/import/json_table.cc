#include "storage/import/json_table.h"

#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/error.h"
#include "common/text.h"

namespace hearth {
namespace {

constexpr size_t kMaxDepth = 100;
constexpr size_t kMaxColumns = 10'000;
// Keys may be rare, so more rows are looked at than in tables with a header.
constexpr size_t kLinesLookedAt = 1'000;

// The reason behind nlohmann's "[json.exception.parse_error.101] parse error at line 1, ".
std::string ReasonOf(std::string_view what) {
  what = what.substr(what.find(']') + 1);
  constexpr std::string_view kPlace = "line 1, ";
  const size_t place = what.find(kPlace);
  if (place != std::string_view::npos) what = what.substr(place + kPlace.size());
  return fmt::format("not valid JSON: {}", Trim(what));
}

}  // namespace

// Puts the values of one line into cells.
class JsonTable::Handler : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Handler(JsonTable* table) : table_(table) {}

  const std::string& why() const { return why_; }

  bool null() override { return Add("", /*is_number=*/true); }
  bool boolean(bool value) override { return Add(value ? "true" : "false", false); }
  bool number_integer(number_integer_t value) override { return Add(std::to_string(value), true); }
  bool number_unsigned(number_unsigned_t value) override {
    return Add(std::to_string(value), true);
  }
  bool number_float(number_float_t, const string_t& text) override { return Add(text, true); }
  bool string(string_t& value) override { return Add(value, false); }
  bool binary(binary_t&) override { return Fail("binary data"); }

  bool start_object(std::size_t) override {
    if (++depth_ > kMaxDepth) return FailTooDeep();
    if (list_depth_ > 0) ++list_depth_;
    if (cell_ != nullptr) Set(FieldForm::kObject, "{...}");
    if (list_depth_ > 0) {
      cell_ = nullptr;  // no value in this list counts
    } else {
      path_sizes_.push_back(path_.size());
    }
    return true;
  }

  bool end_object() override {
    --depth_;
    if (list_depth_ > 0) return EndInList();
    path_.resize(path_sizes_.back());
    path_sizes_.pop_back();
    cell_ = nullptr;
    return true;
  }

  bool start_array(std::size_t) override {
    if (depth_ == 0) return Fail("a list, where an object is expected");
    if (++depth_ > kMaxDepth) return FailTooDeep();
    if (list_depth_++ == 0 && cell_ != nullptr) {
      Set(FieldForm::kList, "[...]");
      cell_->values.clear();
      cell_->has_numbers_only = true;
    }
    return true;
  }

  bool end_array() override {
    --depth_;
    return EndInList();
  }

  bool key(string_t& value) override {
    if (list_depth_ > 0) return true;  // an object in a list
    if (value.find('\0') != std::string::npos) return Fail("a key holds a NUL character");
    path_.resize(path_sizes_.back());
    if (path_sizes_.size() > 1) path_ += '.';
    path_ += value;
    const auto found = table_->positions_.find(path_);
    size_t column = ColumnHeader::kNone;
    if (found != table_->positions_.end()) {
      column = found->second;
    } else if (path_sizes_.size() == 1) {
      column = table_->AddColumn(path_);
    }
    cell_ = column == ColumnHeader::kNone ? nullptr : &table_->cells_[column];
    if (cell_ == nullptr) return true;
    if (cell_->row == table_->row_) return Fail(fmt::format("the key '{}' occurs twice", path_));
    cell_->row = table_->row_;
    return true;
  }

  bool parse_error(std::size_t, const std::string&,
                   const nlohmann::detail::exception& error) override {
    return Fail(ReasonOf(error.what()));
  }

 private:
  bool Add(std::string_view text, bool is_number) {
    if (depth_ == 0) return Fail("a value, where an object is expected");
    if (cell_ == nullptr) return true;
    if (list_depth_ == 0) {
      Set(FieldForm::kValue, text);
    } else if (cell_->form == FieldForm::kList) {
      cell_->values.emplace_back(text);
      cell_->has_numbers_only = cell_->has_numbers_only && is_number;
    }
    return true;
  }

  void Set(FieldForm form, std::string_view text) {
    cell_->form = form;
    cell_->text = text;
  }

  bool EndInList() {
    if (--list_depth_ == 0) cell_ = nullptr;
    return true;
  }

  bool FailTooDeep() { return Fail(fmt::format("more than {} levels of nesting", kMaxDepth)); }

  bool Fail(std::string why) {
    why_ = std::move(why);
    return false;
  }

  JsonTable* table_;
  std::string why_;
  std::string path_;  // the keys up to the current value, with dots
  std::vector<size_t>
      path_sizes_;         // [open object outside lists] the part of path_ that leads to it
  size_t depth_ = 0;       // open objects and lists
  size_t list_depth_ = 0;  // of these, the outermost list and all inside of it
  Cell* cell_ = nullptr;   // takes the next value
};

JsonTable::JsonTable(std::string path, std::unique_ptr<RecordReader> records, BadRows* bad_rows)
    : path_(std::move(path)), records_(std::move(records)), bad_rows_(bad_rows), header_(path_) {
  records_->SetFormat({.separator = "\n", .quotes = false});  // a line is one field
  records_->RequireUtf8();
  const auto lines = records_->Peek(kLinesLookedAt);
  std::string first_reason;
  for (const std::vector<std::string>& line : lines) {
    const std::string why = Parse(line[0]);
    if (why.empty()) first_lines_.push_back(line[0]);
    if (first_reason.empty()) first_reason = why;
  }
  if (first_lines_.empty()) {
    ThrowNoObject(lines.empty() ? "no line of text" : lines[0][0], first_reason);
  }
  SetTypes(0, first_lines_);
}

void JsonTable::ThrowNoObject(std::string_view line, const std::string& why) const {
  if (Trim(line).starts_with("{'")) {
    throw DataError(
        "{} holds Python literals (with single quotes), not JSON; write it as JSON: python3 -c "
        "\"import ast, json, sys; [print(json.dumps(ast.literal_eval(line))) for line in "
        "sys.stdin]\" < FILE > FILE.jsonl",
        path_);
  }
  throw DataError(
      "{}: none of the first lines is a JSON object ({}: {}); if its objects go over several "
      "lines, write one per line: jq -c . FILE > FILE.jsonl",
      path_, Quoted(line), why);
}

std::string JsonTable::Parse(std::string_view line) {
  ++row_;
  const size_t column_count = header_.size();
  Handler handler(this);
  if (nlohmann::json::sax_parse(line.begin(), line.end(), &handler)) return "";
  Truncate(column_count);
  return handler.why();
}

size_t JsonTable::AddColumn(std::string_view name) {
  const size_t column = header_.size();
  if (column == kMaxColumns) {
    throw DataError(
        "{}: more than {} different keys; are the keys ids? An object per row is "
        "expected, with the same keys in each",
        path_, kMaxColumns);
  }
  header_.Add(name);
  cells_.emplace_back();
  positions_.emplace(name, column);
  return column;
}

void JsonTable::Truncate(size_t size) {
  for (size_t i = size; i < header_.size(); ++i) positions_.erase(header_.name(i));
  header_.Truncate(size);
  cells_.resize(size);
}

// A list of strings holds categories. A list of numbers is a vector if all lists have its length.
void JsonTable::SetTypes(size_t first_column, const std::vector<std::string>& lines) {
  std::vector<size_t> widths(header_.size());  // of the vectors so far; 0: no list
  for (const std::string& line : lines) {
    Parse(line);
    for (size_t i = first_column; i < header_.size(); ++i) {
      const Cell& cell = cells_[i];
      if (!IsThere(i) || cell.form != FieldForm::kList || cell.values.empty()) continue;
      const size_t width = cell.values.size();
      const bool is_vector = cell.has_numbers_only && width > 1 &&
                             (widths[i] == 0 || widths[i] == width) &&
                             header_.type(i) != "token_seq";
      header_.SetType(i, is_vector ? "float_seq" : "token_seq");
      widths[i] = width;
    }
  }
}

bool JsonTable::Next() {
  while (records_->Next()) {
    const std::string_view line = records_->fields()[0];
    if (Trim(line).empty()) continue;
    const size_t column_count = header_.size();
    const std::string why = Parse(line);
    if (!why.empty()) {
      bad_rows_->Reject(place(), "", line, why);
      continue;
    }
    if (header_.size() > column_count) SetTypes(column_count, {std::string(line)});
    fields_.assign(header_.size(), "");
    for (size_t i = 0; i < header_.size(); ++i) {
      if (IsThere(i)) fields_[i] = cells_[i].text;
    }
    return true;
  }
  return false;
}

FieldForm JsonTable::FormOf(size_t column) const {
  return IsThere(column) ? cells_[column].form : FieldForm::kValue;
}

std::vector<std::string_view> JsonTable::Parts(size_t column, std::string_view separator) const {
  if (FormOf(column) != FieldForm::kList) return Table::Parts(column, separator);
  return {cells_[column].values.begin(), cells_[column].values.end()};
}

size_t JsonTable::Find(std::string_view name) {
  const size_t found = header_.Find(name);
  if (found != ColumnHeader::kNone || name.find('.') == std::string_view::npos) return found;
  const size_t column = AddColumn(name);
  bool is_there = false;
  for (const std::string& line : first_lines_) {
    Parse(line);
    is_there = is_there || IsThere(column);
  }
  if (is_there) {
    SetTypes(column, first_lines_);
    return column;
  }
  Truncate(column);
  return ColumnHeader::kNone;
}

size_t JsonTable::RequireColumn(std::string_view name) {
  const size_t column = Find(name);
  if (column != ColumnHeader::kNone) return column;
  std::vector<std::string> names;
  for (size_t i = 0; i < header_.size(); ++i) names.push_back(header_.name(i));
  throw DataError("{}: none of the first {} rows has a key '{}'{}; the keys are {}", path_,
                  first_lines_.size(), name, DidYouMean(name, names), Join(names, ", "));
}

std::vector<std::string> JsonTable::FirstValues(size_t column) {
  std::vector<std::string> values;
  for (const std::string& line : first_lines_) {
    Parse(line);
    if (IsThere(column) && cells_[column].form == FieldForm::kValue)
      values.push_back(cells_[column].text);
  }
  return values;
}

}  // namespace hearth
