#include <algorithm>
#include <filesystem>
#include <utility>

#include "common/error.h"
#include "common/text.h"
#include "storage/import/delimited_table.h"
#include "storage/import/json_table.h"
#include "storage/import/parquet_table.h"
#include "storage/import/table.h"
#include "storage/import/text_input.h"

namespace hearth {
namespace {

constexpr size_t kShownBytes = 60;

// True for the begin of an object or of a list of objects: no header of delimited text looks so.
bool LooksLikeJson(std::string_view head) {
  if (head.empty() || (head[0] != '{' && head[0] != '[')) return false;
  const std::string_view next = Trim(head.substr(1));
  if (head[0] == '[') return next.empty() || next.starts_with('{');
  return next.empty() || next[0] == '"' || next[0] == '}' || next[0] == '\'';
}

void RefuseOtherFormats(const std::string& path, std::string_view head, std::string_view wanted) {
  if (wanted == "jsonl" && head.empty()) {
    throw DataError("{} is empty; a JSON object in each line is expected", path);
  }
  if (head.starts_with('[') && (wanted == "jsonl" || LooksLikeJson(head))) {
    throw DataError(
        "{} is one JSON list; write its objects one per line: jq -c '.[]' FILE > FILE.jsonl", path);
  }
  if (wanted == "jsonl" && !LooksLikeJson(head)) {
    throw DataError(
        "{} begins with {}, not with a JSON object; if it is delimited text, give --format csv",
        path, Quoted(head.substr(0, std::min(kShownBytes, head.find('\n')))));
  }
  if (wanted == "csv" && LooksLikeJson(head)) {
    throw DataError("{} holds JSON objects, no delimited text; give --format jsonl", path);
  }
}

[[noreturn]] void RefuseAsParquet(const std::string& path) {
  if (IsReadOnce(path)) {
    throw DataError("{} is a pipe; a Parquet file has its index at its end, so give its path",
                    path == "-" ? "the standard input" : path);
  }
  if (!std::filesystem::exists(path)) throw DataError("{} does not exist", path);
  TableFiles(path);  // throws for a folder
  throw DataError(
      "{} is no Parquet file: it does not begin with PAR1; if it holds text, give --format csv or "
      "jsonl",
      path);
}

}  // namespace

std::unique_ptr<Table> OpenTable(const std::string& path, const ColumnOptions& options,
                                 BadRows* bad_rows, std::string_view wanted) {
  if (IsParquet(path)) {
    if (!wanted.empty() && wanted != "parquet") {
      throw DataError("{} is a Parquet file, not {}; give --format parquet", path, wanted);
    }
    return std::make_unique<ParquetTable>(path, bad_rows);
  }
  if (wanted == "parquet") RefuseAsParquet(path);
  auto records = std::make_unique<RecordReader>(path, RecordFormat(), bad_rows);
  const std::string_view head = Trim(records->head());
  RefuseOtherFormats(path, head, wanted);
  if (LooksLikeJson(head)) {
    return std::make_unique<JsonTable>(path, std::move(records), bad_rows);
  }
  TableForm form = FindTableForm(path, options, records.get());
  return std::make_unique<DelimitedTable>(path, std::move(records), std::move(form));
}

}  // namespace hearth
