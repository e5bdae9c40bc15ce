#include "storage/import/table_source.h"

#include <filesystem>
#include <utility>

#include "common/error.h"
#include "storage/import/event_columns.h"
#include "storage/import/importers.h"
#include "storage/import/parquet_table.h"
#include "storage/import/side_file.h"

namespace hearth {
namespace {

// `name`, or `usual` if there is none.
std::string NameOr(const std::string& name, const std::string& usual) {
  return name.empty() ? usual : name;
}

class TableSource : public EventSource {
 public:
  TableSource(TableLog log, std::unique_ptr<Table> table, BadRows* bad_rows)
      : log_(std::move(log)),
        options_(log_.columns),
        bad_rows_(bad_rows),
        table_(std::move(table)) {
    const std::string& task_column = log_.task_column;
    if (!task_column.empty() && !options_.user_features.empty()) {
      throw UsageError(
          "--user-features describes users, but --task-by {} makes its values the "
          "tasks; leave one of them out",
          task_column);
    }
    columns_.user = Find(NameOr(options_.user_column, "user"));
    if (!task_column.empty()) {
      columns_.subject = std::exchange(columns_.user, Find(task_column));
      // Their own value tells users apart from the task; the same column needs no second reading.
      if (columns_.subject.position == columns_.user.position) columns_.subject = {};
    }
    columns_.item = Find(NameOr(options_.item_column, "item"));
    if (!options_.event_column.empty()) {
      columns_.type = Find(options_.event_column);
      columns_.weights = EventWeights(options_.event_weights);
    } else if (!options_.label_column.empty()) {
      columns_.label = Find(options_.label_column);
    }
    if (!options_.time_column.empty()) columns_.time = Find(options_.time_column);
    columns_.ChooseTimeUnit(options_.time_unit, table_.get());
    columns_.missing_id = log_.missing_id;
    table_->Use({columns_.user.position, columns_.item.position, columns_.subject.position},
                {columns_.label.position, columns_.time.position});
  }

  SourceTraits traits() const override {
    SourceTraits traits;
    traits.format = log_.format + " (" + std::filesystem::path(log_.file).filename().string() + ")";
    traits.time = columns_.time.is_there() ? TimeMeaning::kSeconds : TimeMeaning::kNone;
    traits.positive_events = columns_.are_positive();
    traits.has_subjects = columns_.subject.is_there();
    for (const std::string* path : {&log_.file, &options_.user_features, &options_.item_features}) {
      if (path->empty()) continue;
      for (std::string& file : TableFiles(*path)) traits.inputs.push_back(std::move(file));
    }
    return traits;
  }

  void ReadEvents(EventSink* sink) override {
    while (table_->Next()) {
      RawEvent event;
      const size_t least = log_.least_fields > 0 ? log_.least_fields : table_->header().size();
      if (table_->Require(least) && columns_.Read(*table_, bad_rows_, &event)) {
        sink->Add(event, table_->place());
      }
    }
  }

  int64_t joined_lines() const override { return table_->joined_line_count(); }
  std::vector<EventType> event_types() const override { return columns_.weights.types(); }
  int64_t left_out_rows() const override { return columns_.weightless_count; }

  void ReadFeatures(EntityBuilder* users, EntityBuilder* items) override {
    ReadSideTable(options_.user_features, NameOr(options_.user_column, "user"), "", users);
    ReadSideTable(options_.item_features, NameOr(options_.item_column, "item"),
                  options_.title_column, items);
  }

  std::vector<std::string> notes() const override {
    std::vector<std::string> notes = log_.notes;
    notes.push_back(table_->Described());
    for (std::string& note : columns_.Notes(*table_)) notes.push_back(std::move(note));
    return notes;
  }

 private:
  EventColumns::Column Find(const std::string& column) const {
    return {column, table_->RequireColumn(column)};
  }

  void ReadSideTable(const std::string& file, const std::string& id_column,
                     const std::string& title_column, EntityBuilder* builder) const {
    if (file.empty()) return;
    SideFileOptions side;
    side.kinds = options_.kinds;
    side.id_column = id_column;
    side.title_column = title_column;
    side.category_separator = options_.category_separator;
    ColumnOptions options = options_;
    options.names = {};  // they belong to the log
    ReadSideFile(file, side, OpenTable(file, options, bad_rows_).get(), bad_rows_, builder);
  }

  TableLog log_;
  const ColumnOptions& options_;  // of log_
  BadRows* bad_rows_;
  std::unique_ptr<Table> table_;
  EventColumns columns_;
};

}  // namespace

std::unique_ptr<EventSource> MakeTableSource(TableLog log, std::unique_ptr<Table> table,
                                             BadRows* bad_rows) {
  if (log.columns.category_separator.empty()) throw UsageError("the category separator is empty");
  return std::make_unique<TableSource>(std::move(log), std::move(table), bad_rows);
}

std::unique_ptr<EventSource> MakeTableSource(const std::string& format, const std::string& file,
                                             const ColumnOptions& options,
                                             const std::string& task_column, BadRows* bad_rows) {
  return MakeTableSource({format, file, options, task_column},
                         OpenTable(file, options, bad_rows, format), bad_rows);
}

}  // namespace hearth
