#include <filesystem>
#include <utility>

#include "common/error.h"
#include "storage/import/column_header.h"
#include "storage/import/field_parser.h"
#include "storage/import/importers.h"
#include "storage/import/record_reader.h"
#include "storage/import/side_file.h"

namespace hearth {
namespace {

std::string DelimiterOf(const std::string& file, const std::string& option) {
  if (option == "tab" || option == "\\t") return "\t";
  if (option.size() > 1) {
    throw UsageError("delimiter '{}' has {} characters; give one character, or 'tab'", option,
                     option.size());
  }
  if (!option.empty()) return option;
  const std::string extension = std::filesystem::path(file).extension().string();
  if (extension == ".csv") return ",";
  if (extension == ".tsv" || extension == ".tab" || extension == ".txt") return "\t";
  throw UsageError("cannot tell the delimiter of {} from its name; give --delimiter", file);
}

class CsvSource : public EventSource {
 public:
  CsvSource(const std::string& file, const CsvOptions& options, const std::string& task_column,
            BadRows* bad_rows)
      : file_(file),
        options_(options),
        format_{.separator = DelimiterOf(file, options.delimiter), .quotes = true},
        units_per_second_(TimeUnitsPerSecond(options.time_unit)),
        bad_rows_(bad_rows) {
    if (!task_column.empty() && !options.user_features.empty()) {
      throw UsageError(
          "--user-features describes users, but --task-by {} makes its values the "
          "tasks; leave one of them out",
          task_column);
    }
    RecordReader records(file_, format_, bad_rows_);
    if (!records.Next()) throw DataError("{} is empty; rows with fields are expected", file_);
    subject_ = FindColumn(records.fields(), options.user_column, "--user-col");
    user_ = subject_;
    user_name_ = options.user_column;
    if (!task_column.empty()) {
      user_ = FindColumn(records.fields(), task_column, "--task-by");
      user_name_ = task_column;
    }
    item_ = FindColumn(records.fields(), options.item_column, "--item-col");
    label_ = FindColumn(records.fields(), options.label_column, "--label-col");
    time_ = FindColumn(records.fields(), options.time_column, "--time-col");
    for (const size_t column : {subject_, user_, item_, label_, time_}) {
      if (column != ColumnHeader::kNone) width_ = std::max(width_, column + 1);
    }
  }

  SourceTraits traits() const override {
    SourceTraits traits;
    traits.format = "csv (" + std::filesystem::path(file_).filename().string() + ")";
    traits.time = time_ == ColumnHeader::kNone ? TimeMeaning::kNone : TimeMeaning::kSeconds;
    traits.inputs = {file_};
    if (!options_.user_features.empty()) traits.inputs.push_back(options_.user_features);
    if (!options_.item_features.empty()) traits.inputs.push_back(options_.item_features);
    return traits;
  }

  void ReadEvents(EventSink* sink) override {
    RecordReader records(file_, format_, bad_rows_);
    if (options_.header) records.Next();
    while (records.Next()) {
      if (records.Require(width_)) ReadRow(records.fields(), records.place(), sink);
    }
  }

  void ReadFeatures(EntityBuilder* users, EntityBuilder* items) override {
    SideFileOptions side;
    side.category_separator = options_.category_separator;
    side.header = options_.header;
    if (!options_.user_features.empty()) {
      side.format = {DelimiterOf(options_.user_features, options_.delimiter), true};
      side.id_column = options_.user_column;
      ReadSideFile(options_.user_features, side, bad_rows_, users);
    }
    if (!options_.item_features.empty()) {
      side.format = {DelimiterOf(options_.item_features, options_.delimiter), true};
      side.id_column = options_.item_column;
      side.title_column = options_.title_column;
      ReadSideFile(options_.item_features, side, bad_rows_, items);
    }
  }

 private:
  /// Position of a column given by name or number; kNone for "". `first` is the first record.
  size_t FindColumn(const std::vector<std::string_view>& first, const std::string& column,
                    std::string_view flag) const {
    if (column.empty()) return ColumnHeader::kNone;
    if (options_.header) return ColumnHeader(file_, first, /*typed=*/false).Require(column);
    const size_t number = ColumnNumber(column);
    if (number < first.size()) return number;
    throw DataError("{} {}: {} is read without a header and has {} columns; give a number from 1",
                    flag, column, file_, first.size());
  }

  void ReadRow(const std::vector<std::string_view>& fields, const RowPlace& place,
               EventSink* sink) {
    RawEvent event;
    if (!ParseId(fields[user_], user_name_, place, bad_rows_, &event.user) ||
        !ParseId(fields[item_], options_.item_column, place, bad_rows_, &event.item)) {
      return;
    }
    if (user_ != subject_ &&
        !ParseId(fields[subject_], options_.user_column, place, bad_rows_, &event.subject)) {
      return;
    }
    if (label_ != ColumnHeader::kNone &&
        !ParseLabel(fields[label_], options_.label_column, place, bad_rows_, &event.label)) {
      return;
    }
    if (time_ != ColumnHeader::kNone &&
        !ParseTime(fields[time_], units_per_second_, options_.time_column, place, bad_rows_,
                   &event.time)) {
      return;
    }
    sink->Add(event, place);
  }

  std::string file_;
  CsvOptions options_;
  RecordFormat format_;
  int64_t units_per_second_;
  BadRows* bad_rows_;
  // Positions of columns. user_ differs from subject_ if a task column takes the users' place.
  size_t user_ = 0, subject_ = 0, item_ = 0, label_ = 0, time_ = 0;
  size_t width_ = 0;       // fields that every row needs
  std::string user_name_;  // of the column user_, for messages
};

}  // namespace

std::unique_ptr<EventSource> MakeCsvSource(const std::string& file, const CsvOptions& options,
                                           const std::string& task_column, BadRows* bad_rows) {
  if (options.user_column.empty() || options.item_column.empty()) {
    throw UsageError("format csv needs --user-col and --item-col");
  }
  if (options.category_separator.empty()) throw UsageError("the category separator is empty");
  return std::make_unique<CsvSource>(file, options, task_column, bad_rows);
}

}  // namespace hearth
