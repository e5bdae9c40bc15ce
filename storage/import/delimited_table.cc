#include "storage/import/delimited_table.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <utility>

#include <fmt/format.h>

#include "common/error.h"
#include "common/text.h"
#include "storage/import/bad_rows.h"
#include "storage/import/field_parser.h"

namespace hearth {
namespace {

constexpr std::array<std::string_view, 4> kDelimiters = {",", "\t", ";", "|"};
constexpr std::array<std::string_view, 5> kCompressed = {".gz", ".zst", ".xz", ".bz2", ".lz4"};

std::string DelimiterOfName(const std::string& path) {
  std::filesystem::path name(path);
  if (std::ranges::find(kCompressed, name.extension().string()) != kCompressed.end()) {
    name.replace_extension();
  }
  const std::string extension = name.extension().string();
  if (extension == ".csv") return ",";
  if (extension == ".tsv" || extension == ".tab" || extension == ".txt") return "\t";
  return "";
}

// The delimiter of the file's name, if the first line has it; else the one that the line has most
// often.
std::string GuessDelimiter(const std::string& path, std::string_view first_line) {
  const auto count = [&](std::string_view delimiter) {
    return std::ranges::count(first_line, delimiter[0]);
  };
  const std::string of_name = DelimiterOfName(path);
  if (!of_name.empty() && count(of_name) > 0) return of_name;
  const auto most = std::ranges::max_element(kDelimiters, {}, count);
  if (count(*most) > 0) return std::string(*most);
  if (!of_name.empty()) return of_name;
  throw UsageError(
      "cannot tell the delimiter of {} from its name or its first line {}; give "
      "--delimiter",
      path, Quoted(first_line));
}

char EscapeOf(const std::string& option) {
  if (option == "backslash") return '\\';
  if (option.size() > 1) {
    throw UsageError("--escape '{}' has {} characters; give one character, or 'backslash'", option,
                     option.size());
  }
  return option.empty() ? '\0' : option[0];
}

// The delimiter that an option gives; "" if it gives none.
std::string DelimiterOf(const std::string& option) {
  if (option == "tab" || option == "\\t") return std::string("\t");
  const bool has_signs_only =
      std::ranges::none_of(option, [](unsigned char c) { return std::isalnum(c) || c >= 0x80; });
  if (option.size() > 1 && !has_signs_only) {
    throw UsageError(
        "delimiter '{}' has {} characters; give one character, several signs such as '::', or "
        "'tab'",
        option, option.size());
  }
  return option;
}

RecordFormat FormatOf(const std::string& path, const ColumnOptions& options,
                      RecordReader* records) {
  RecordFormat format{.separator = DelimiterOf(options.delimiter),
                      .quotes = true,
                      .escape = EscapeOf(options.escape)};
  records->SetFormat({.separator = "\n", .quotes = false});  // a line is one field
  const auto first = records->Peek(1);
  if (first.empty()) throw DataError("{} is empty; rows with fields are expected", path);
  if (format.separator.empty()) format.separator = GuessDelimiter(path, first[0][0]);
  records->SetFormat(format);
  return format;
}

bool IsNumberOrTime(const std::string& cell) { return IsNumber(cell) || IsIsoTime(cell); }

// True if the first row has numbers (or times) in every column in which all other rows have them.
bool FirstIsRow(const std::vector<std::vector<std::string>>& rows) {
  bool any_number = false;
  for (size_t column = 0; column < rows[0].size(); ++column) {
    bool all_numbers = rows.size() > 1;
    for (size_t row = 1; row < rows.size() && all_numbers; ++row) {
      all_numbers = column < rows[row].size() && IsNumberOrTime(rows[row][column]);
    }
    if (!all_numbers) continue;
    if (!IsNumberOrTime(rows[0][column])) return false;
    any_number = true;
  }
  return any_number;
}

std::string DelimiterName(std::string_view separator) {
  if (separator == "\t") return "tabs";
  return fmt::format("'{}'", separator);
}

bool HasAnyOf(const std::vector<std::string>& names, const std::vector<std::string>& fields) {
  return std::ranges::any_of(fields, [&](const std::string& field) {
    return std::ranges::find(names, field) != names.end();
  });
}

// The most fields of a row.
size_t WidestOf(const std::vector<std::vector<std::string>>& rows) {
  return std::ranges::max_element(rows, {}, &std::vector<std::string>::size)->size();
}

}  // namespace

TableForm FindTableForm(const std::string& path, const ColumnOptions& options,
                        RecordReader* records) {
  const RecordFormat format = FormatOf(path, options, records);
  std::vector<std::vector<std::string>> rows = records->Peek(kRowsLookedAt);
  if (rows.empty()) throw DataError("{} is empty; rows with fields are expected", path);
  const bool has_header = options.header.value_or(
      options.names.empty() ? !FirstIsRow(rows) : HasAnyOf(options.names, rows[0]));
  std::vector<std::string> names = rows[0];
  if (has_header) {
    records->Next();
    rows.erase(rows.begin());
  } else if (options.names.empty()) {
    for (size_t i = 0; i < names.size(); ++i) names[i] = std::to_string(i + 1);
  } else if (WidestOf(rows) == options.names.size()) {
    names = options.names;
  } else {
    throw DataError("{}: the first rows have {} fields, but the format has {}: {}", path,
                    WidestOf(rows), options.names.size(), Join(options.names, ", "));
  }
  const std::vector<std::string_view> fields(names.begin(), names.end());
  return {format,
          has_header,
          options.header.has_value(),
          ColumnHeader(path, fields, /*typed=*/false),
          has_header || !options.names.empty(),
          std::move(rows)};
}

TableForm FindAtomicForm(const std::string& path, RecordReader* records) {
  const RecordFormat format{.separator = "\t", .quotes = false};
  records->SetFormat(format);
  if (!records->Next()) {
    throw DataError("{} is empty; a header of name:type fields is expected", path);
  }
  ColumnHeader header(path, records->fields(), /*typed=*/true);
  return {format, true, true, std::move(header), true, records->Peek(kRowsLookedAt)};
}

DelimitedTable::DelimitedTable(std::string path, std::unique_ptr<RecordReader> records,
                               TableForm form)
    : path_(std::move(path)), records_(std::move(records)), form_(std::move(form)) {}

size_t DelimitedTable::RequireColumn(std::string_view name) {
  if (form_.has_names) return form_.header.Require(name);
  const size_t number = ColumnNumber(name);
  if (number < form_.header.size()) return number;
  if (!form_.header_was_given) {
    throw DataError(
        "{}:1: the first line looks like a row, not like the names of columns, so there is no "
        "column '{}'; give columns by their numbers, or --header if it does name them",
        path_, name);
  }
  throw DataError(
      "{}: there is no column '{}'; it is read without a header and has {} columns; "
      "give a number from 1",
      path_, name, form_.header.size());
}

std::vector<std::string> DelimitedTable::FirstValues(size_t column) {
  std::vector<std::string> values;
  for (const std::vector<std::string>& row : form_.rows) {
    if (column < row.size()) values.push_back(row[column]);
  }
  return values;
}

std::string DelimitedTable::Described() const {
  return fmt::format("table: fields between {}, {}", DelimiterName(form_.format.separator),
                     form_.has_header ? "the first line names the columns" : "no header line");
}

std::unique_ptr<Table> OpenAtomicTable(const std::string& path, BadRows* bad_rows) {
  auto records = std::make_unique<RecordReader>(path, RecordFormat(), bad_rows);
  TableForm form = FindAtomicForm(path, records.get());
  return std::make_unique<DelimitedTable>(path, std::move(records), std::move(form));
}

}  // namespace hearth
