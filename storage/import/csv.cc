#include <filesystem>
#include <utility>

#include <fmt/format.h>

#include "common/error.h"
#include "common/text.h"
#include "storage/import/event_columns.h"
#include "storage/import/importers.h"
#include "storage/import/record_reader.h"
#include "storage/import/side_file.h"
#include "storage/import/table_form.h"
#include "storage/import/text_input.h"

namespace hearth {
namespace {

// `name`, or `usual` if there is none.
std::string NameOr(const std::string& name, const std::string& usual) {
  return name.empty() ? usual : name;
}

class CsvSource : public EventSource {
 public:
  CsvSource(const std::string& file, const ColumnOptions& options, const std::string& task_column,
            BadRows* bad_rows)
      : file_(file),
        options_(options),
        bad_rows_(bad_rows),
        records_(file_, {}, bad_rows_),
        form_(FindTableForm(file_, options_, &records_)) {
    if (!task_column.empty() && !options_.user_features.empty()) {
      throw UsageError(
          "--user-features describes users, but --task-by {} makes its values the "
          "tasks; leave one of them out",
          task_column);
    }
    columns_.user = Find(NameOr(options_.user_column, "user"), "--user-col");
    if (!task_column.empty()) {
      columns_.subject = std::exchange(columns_.user, Find(task_column, "--task-by"));
      // Their own value tells users apart from the task; the same column needs no second reading.
      if (columns_.subject.position == columns_.user.position) columns_.subject = {};
    }
    columns_.item = Find(NameOr(options_.item_column, "item"), "--item-col");
    if (!options_.label_column.empty()) {
      columns_.label = Find(options_.label_column, "--label-col");
    }
    if (!options_.time_column.empty()) columns_.time = Find(options_.time_column, "--time-col");
    columns_.ChooseTimeUnit(options_.time_unit, form_.rows);
  }

  SourceTraits traits() const override {
    SourceTraits traits;
    traits.format = "csv (" + std::filesystem::path(file_).filename().string() + ")";
    traits.time = columns_.time.is_there() ? TimeMeaning::kSeconds : TimeMeaning::kNone;
    traits.inputs = {file_};
    if (!options_.user_features.empty()) traits.inputs.push_back(options_.user_features);
    if (!options_.item_features.empty()) traits.inputs.push_back(options_.item_features);
    traits.notes = columns_.Notes(form_.header);
    traits.notes.insert(
        traits.notes.begin(),
        fmt::format("table: fields between {}, {}", DelimiterName(form_.format.separator),
                    form_.has_header ? "the first line names the columns" : "no header line"));
    return traits;
  }

  void ReadEvents(EventSink* sink) override {
    while (records_.Next()) {
      RawEvent event;
      const RowPlace place = records_.place();
      if (records_.Require(form_.header.size()) &&
          columns_.Read(records_.fields(), place, bad_rows_, &event)) {
        sink->Add(event, place);
      }
    }
  }

  int64_t joined_lines() const override { return records_.joined_line_count(); }

  void ReadFeatures(EntityBuilder* users, EntityBuilder* items) override {
    ReadSideTable(options_.user_features, options_.user_column, "user", "", users);
    ReadSideTable(options_.item_features, options_.item_column, "item", options_.title_column,
                  items);
  }

 private:
  EventColumns::Column Find(const std::string& column, std::string_view flag) const {
    if (form_.has_header) return {column, form_.header.Require(column)};
    const size_t number = ColumnNumber(column);
    if (number < form_.header.size()) return {column, number};
    if (!options_.header) {
      throw DataError(
          "{}:1: the first line looks like a row, not like the names of columns; give the columns "
          "by their numbers ({} NUMBER ...), or --header if it does name them",
          file_, flag);
    }
    throw DataError("{} {}: {} is read without a header and has {} columns; give a number from 1",
                    flag, column, file_, form_.header.size());
  }

  void ReadSideTable(const std::string& file, const std::string& id_column, const char* usual_id,
                     const std::string& title_column, EntityBuilder* builder) const {
    if (file.empty()) return;
    RecordReader records(file, {}, bad_rows_);
    const TableForm form = FindTableForm(file, options_, &records);
    SideFileOptions side;
    side.kinds = options_.kinds;
    side.id_column = NameOr(id_column, usual_id);
    side.title_column = title_column;
    side.category_separator = options_.category_separator;
    ReadSideFile(file, form, side, &records, bad_rows_, builder);
  }

  std::string file_;
  ColumnOptions options_;
  BadRows* bad_rows_;
  RecordReader records_;  // reads the file once: it may be a pipe
  TableForm form_;
  EventColumns columns_;
};

}  // namespace

std::unique_ptr<EventSource> MakeCsvSource(const std::string& file, const ColumnOptions& options,
                                           const std::string& task_column, BadRows* bad_rows) {
  if (options.category_separator.empty()) throw UsageError("the category separator is empty");
  return std::make_unique<CsvSource>(file, options, task_column, bad_rows);
}

}  // namespace hearth
