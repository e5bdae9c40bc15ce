// Criteo and Avazu: click logs with anonymous columns.

#include <utility>

#include <fmt/format.h>

#include "common/error.h"
#include "common/text.h"
#include "storage/import/importers.h"
#include "storage/import/table_source.h"

namespace hearth {
namespace {

void SetIfEmpty(std::string* name, std::string_view usual) {
  if (name->empty()) *name = usual;
}

// Samples often lack the tabs before missing values at the end of a row; C23 is in every row.
constexpr size_t kLeastCriteoFields = 1 + 13 + 23;

std::vector<std::string> CriteoColumns() {
  std::vector<std::string> names = {"label"};
  for (int i = 1; i <= 13; ++i) names.push_back(fmt::format("I{}", i));
  for (int i = 1; i <= 26; ++i) names.push_back(fmt::format("C{}", i));
  return names;
}

std::string RepeatsNote() {
  return "a user may meet an item often; --duplicates keep keeps every impression";
}

}  // namespace

std::unique_ptr<EventSource> MakeCriteoSource(const std::string& file, const ColumnOptions& options,
                                              const std::string& task_column, BadRows* bad_rows) {
  const std::vector<std::string> names = CriteoColumns();
  if (options.user_column.empty() || options.item_column.empty()) {
    throw UsageError(
        "format criteo has neither users nor items; choose columns for them with --user-col and "
        "--item-col; the columns are {}",
        Join(names, ", "));
  }
  TableLog log{"criteo", file, options, task_column};
  log.least_fields = kLeastCriteoFields;
  log.columns.names = names;
  std::unique_ptr<Table> table = OpenTable(file, log.columns, bad_rows, "csv");
  // Samples with a header line write the name in both ways.
  const bool is_capital = table->Find("Label") != ColumnHeader::kNone;
  SetIfEmpty(&log.columns.label_column, is_capital ? "Label" : "label");
  log.notes = {fmt::format("users are the values of {}, items those of {}", options.user_column,
                           options.item_column),
               RepeatsNote()};
  return MakeTableSource(std::move(log), std::move(table), bad_rows);
}

std::unique_ptr<EventSource> MakeAvazuSource(const std::string& file, const ColumnOptions& options,
                                             const std::string& task_column, BadRows* bad_rows) {
  TableLog log{"avazu", file, options, task_column, /*missing_id=*/"-1"};
  ColumnOptions& columns = log.columns;
  if (columns.user_column.empty()) {
    log.notes.emplace_back(
        "users: device_ip; most rows have no device_id of their own (a99f214a); --user-col takes "
        "another column");
  } else if (columns.user_column == "device_id") {
    log.notes.emplace_back("users: device_id; a99f214a stands for no id and makes one user");
  }
  if (columns.item_column.empty()) {
    log.notes.emplace_back("items: C14, the advertisement; --item-col takes another column");
  }
  log.notes.push_back(RepeatsNote());
  SetIfEmpty(&columns.user_column, "device_ip");
  SetIfEmpty(&columns.item_column, "C14");
  SetIfEmpty(&columns.label_column, "click");
  SetIfEmpty(&columns.time_column, "hour");
  if (columns.time_column == "hour" && columns.time_unit == "auto") columns.time_unit = "yymmddhh";
  std::unique_ptr<Table> table = OpenTable(file, columns, bad_rows, "csv");
  return MakeTableSource(std::move(log), std::move(table), bad_rows);
}

}  // namespace hearth
