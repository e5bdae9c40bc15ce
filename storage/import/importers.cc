#include "storage/import/importers.h"

#include <algorithm>
#include <filesystem>

#include "common/error.h"
#include "common/text.h"
#include "storage/import/text_input.h"

namespace hearth {

namespace {

std::unique_ptr<EventSource> MakeTableFormat(const std::string& format,
                                             const ConvertOptions& options,
                                             const std::string& task_column, BadRows* bad_rows) {
  const std::string& input = options.input;
  const ColumnOptions& columns = options.columns;
  if (format == "amazon") return MakeAmazonSource(input, columns, task_column, bad_rows);
  if (format == "criteo") return MakeCriteoSource(input, columns, task_column, bad_rows);
  if (format == "avazu") return MakeAvazuSource(input, columns, task_column, bad_rows);
  return MakeTableSource(format, input, columns, task_column, bad_rows);
}

// Refuses options of event types that do not fit the format or each other.
void CheckEventTypes(const std::string& format, bool has_columns, const ColumnOptions& columns) {
  if (columns.event_column.empty() && columns.event_weights.empty()) return;
  if (!has_columns) {
    throw UsageError("--event-col and --event-weight are for tables; format {} has no such column",
                     format);
  }
  if (columns.event_column.empty()) {
    throw UsageError("--event-weight needs --event-col, the column of event types");
  }
  if (columns.event_weights.empty()) {
    throw UsageError(
        "--event-col {} needs the weight of every type, for example --event-weight "
        "view=1,cart=3,buy=5",
        columns.event_column);
  }
  if (!columns.label_column.empty()) {
    throw UsageError(
        "--label-col {} and --event-col {} both give the label of an event; leave one of them out",
        columns.label_column, columns.event_column);
  }
}

}  // namespace

std::vector<std::string> ConvertFormats() {
  return {"movielens", "amazon", "csv",     "jsonl",    "parquet",  "recbole",
          "criteo",    "avazu",  "metahin", "episodes", "sequences"};
}

std::unique_ptr<EventSource> MakeEventSource(const ConvertOptions& options, BadRows* bad_rows) {
  const std::string& format = options.format;
  const bool task_column = options.task_by != "user" && options.task_by != "item";
  const std::vector<std::string> tables = {"csv", "jsonl", "parquet", "amazon", "criteo", "avazu"};
  const bool is_table = std::ranges::find(tables, format) != tables.end();
  CheckEventTypes(format, is_table || format == "recbole", options.columns);
  if (task_column && !is_table) {
    throw UsageError("--task-by {}: format {} has no such column; legal are user, item{}",
                     options.task_by, format, DidYouMean(options.task_by, {"user", "item"}));
  }
  if (!options.features.empty() && format != "metahin") {
    throw UsageError("--features is for the format metahin; {} brings its own side files", format);
  }
  if (format == "movielens") return MakeMovieLensSource(options.input, bad_rows);
  if (is_table) {
    return MakeTableFormat(format, options, task_column ? options.task_by : "", bad_rows);
  }
  if (format == "recbole") return MakeRecBoleSource(options.input, options.columns, bad_rows);
  if (format == "metahin") return MakeMetaHinSource(options.input, options.features, bad_rows);
  if (format == "episodes") return MakeEpisodeSource(options.input, bad_rows);
  if (format == "sequences") return MakeSequenceSource(options.input, bad_rows);
  throw UsageError("unknown format '{}'{}: legal are {}", format,
                   DidYouMean(format, ConvertFormats()), Join(ConvertFormats(), ", "));
}

std::string FindOnlyFile(const std::string& path, std::string_view extension,
                         std::string_view format) {
  namespace fs = std::filesystem;
  if (IsReadOnce(path)) return path;
  if (!fs::exists(path)) {
    throw DataError("{} does not exist; format {} needs a *{} file or a folder with one", path,
                    format, extension);
  }
  if (!fs::is_directory(path)) return path;
  std::vector<std::string> found;
  for (const fs::directory_entry& entry : fs::directory_iterator(path)) {
    if (entry.path().extension() == extension) found.push_back(entry.path().string());
  }
  std::sort(found.begin(), found.end());
  if (found.size() == 1) return found[0];
  if (found.empty()) {
    throw DataError("{} holds no *{} file, which format {} needs", path, extension, format);
  }
  throw DataError("{} holds {} *{} files ({}); name one of them", path, found.size(), extension,
                  Join(found, ", "));
}

}  // namespace hearth
