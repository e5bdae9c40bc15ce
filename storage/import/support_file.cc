#include "storage/import/support_file.h"

#include <set>
#include <utility>

#include "common/error.h"
#include "common/text.h"
#include "storage/import/bad_rows.h"
#include "storage/import/column_header.h"
#include "storage/import/field_parser.h"
#include "storage/import/line_reader.h"
#include "storage/import/record_reader.h"

namespace hearth {
namespace {

constexpr char kOnlyUser[] = "new";

bool IsCsv(std::string_view path) { return path.ends_with(".csv"); }

/// Reads one file row by row.
class SupportReader {
 public:
  explicit SupportReader(const std::string& path)
      : path_(path),
        bad_rows_(BadRowRule::kRefuse, 0),
        records_(path, {.separator = IsCsv(path) ? "," : "\t", .quotes = true}, &bad_rows_) {}

  std::vector<SupportRow> Read() {
    if (!records_.Next()) RefuseSupportFile(path_, "it is empty");
    const ColumnHeader header(path_, records_.fields(), /*typed=*/false);
    item_column_ = header.Find("item");
    user_column_ = header.Find("user");
    label_column_ = header.Find("label");
    if (item_column_ == ColumnHeader::kNone) {
      RefuseSupportFile(path_, "its header has no column 'item'");
    }
    while (records_.Next()) {
      if (records_.Require(header.size())) AddRow();
    }
    if (rows_.empty()) RefuseSupportFile(path_, "it has a header but no rows");
    return std::move(rows_);
  }

 private:
  std::string TextAt(size_t column) const { return std::string(Trim(records_.fields()[column])); }

  void AddRow() {
    SupportRow row;
    row.user = user_column_ == ColumnHeader::kNone ? kOnlyUser : TextAt(user_column_);
    row.item = TextAt(item_column_);
    row.line = records_.place().line;
    if (label_column_ != ColumnHeader::kNone) row.label = LabelOf(row);
    if (!seen_.emplace(row.user, row.item).second) {
      RefuseSupportRow(path_, row, "item", row.item, "given twice for this user");
    }
    rows_.push_back(std::move(row));
  }

  float LabelOf(const SupportRow& row) {
    const std::string text = TextAt(label_column_);
    if (text.empty()) RefuseSupportRow(path_, row, "label", text, "a label is missing");
    float label = 0.0f;
    ParseLabel(text, "label", records_.place(), &bad_rows_, &label);
    return label;
  }

  std::string path_;
  BadRows bad_rows_;
  RecordReader records_;
  size_t item_column_ = 0, user_column_ = 0, label_column_ = 0;
  std::set<std::pair<std::string, std::string>> seen_;  // user and item
  std::vector<SupportRow> rows_;
};

}  // namespace

std::vector<SupportRow> ReadSupportRows(const std::string& path) {
  return SupportReader(path).Read();
}

void RefuseSupportFile(const std::string& path, std::string_view why) {
  throw DataError(
      "support file '{}' cannot be used: {}; it needs a header line with 'item', 'label' and, for "
      "several users, 'user', separated by {}",
      path, why, IsCsv(path) ? "commas" : "tabs");
}

void RefuseSupportRow(const std::string& path, const SupportRow& row, std::string_view column,
                      std::string_view value, std::string_view why) {
  BadRows(BadRowRule::kRefuse, 0).Reject({path, row.line}, column, value, why);
  HEARTH_CHECK(false, "a refused row was accepted");
}

std::vector<UserLine> ReadUserLines(const std::string& path) {
  std::vector<UserLine> users;
  LineReader lines(path);
  while (lines.Next()) {
    const std::string user(Trim(lines.line()));
    if (!user.empty()) users.push_back({user, lines.line_number()});
  }
  if (users.empty())
    throw DataError("users file '{}' names no user: one original id per line", path);
  return users;
}

}  // namespace hearth
