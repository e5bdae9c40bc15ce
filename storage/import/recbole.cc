#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include "common/error.h"
#include "common/text.h"
#include "storage/import/delimited_table.h"
#include "storage/import/event_columns.h"
#include "storage/import/importers.h"
#include "storage/import/side_file.h"
#include "storage/import/text_input.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

// One .inter file, and the split of its events.
struct InterFile {
  std::string path;
  Split split = Split::kTrain;
};

// The names of the parts of a log that is split already, as RecBole's benchmark files have them.
struct PartName {
  std::string_view name;
  Split split;
};
constexpr PartName kPartNames[] = {
    {".part1", Split::kTrain},          {".part2", Split::kValidation}, {".part3", Split::kTest},
    {".train", Split::kTrain},          {".valid", Split::kValidation}, {".test", Split::kTest},
    {".validation", Split::kValidation}};

// The split that a file's name tells: "ml.part2.inter".
std::optional<Split> SplitOfName(const fs::path& path) {
  const std::string part = path.stem().extension().string();
  for (const PartName& known : kPartNames) {
    if (known.name == part) return known.split;
  }
  return std::nullopt;
}

// Without a part before ".inter" too.
std::string StemOf(const fs::path& path, bool is_part) {
  fs::path stem = fs::path(path).replace_extension();
  if (is_part) stem.replace_extension();
  return stem.string();
}

// The parts of one log in a folder; empty if there is any other .inter file.
std::vector<InterFile> FindParts(const std::string& folder) {
  std::vector<InterFile> parts;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".inter") continue;
    const std::optional<Split> split = SplitOfName(entry.path());
    if (!split) return {};
    parts.push_back({entry.path().string(), *split});
  }
  if (parts.size() < 2) return {};
  std::ranges::sort(parts, {}, [](const InterFile& part) { return part.split; });
  const std::string stem = StemOf(parts[0].path, /*is_part=*/true);
  for (size_t i = 0; i < parts.size(); ++i) {
    if (StemOf(parts[i].path, /*is_part=*/true) != stem) return {};
    if (i > 0 && parts[i].split == parts[i - 1].split) return {};
  }
  if (parts.front().split != Split::kTrain) return {};
  return parts;
}

class RecBoleSource : public EventSource {
 public:
  RecBoleSource(const std::string& path, const ColumnOptions& options, BadRows* bad_rows)
      : options_(options), bad_rows_(bad_rows) {
    if (fs::is_directory(path)) files_ = FindParts(path);
    const bool has_parts = !files_.empty();
    if (!has_parts) files_.push_back({FindOnlyFile(path, ".inter", "recbole")});
    const std::string stem = StemOf(files_[0].path, has_parts);
    if (fs::exists(stem + ".user")) user_file_ = stem + ".user";
    if (fs::exists(stem + ".item")) item_file_ = stem + ".item";
    if (!options.event_column.empty()) columns_.weights = EventWeights(options.event_weights);
    Open(files_[0].path);
  }

  SourceTraits traits() const override {
    SourceTraits traits;
    std::vector<std::string> names;
    for (const InterFile& file : files_) {
      names.push_back(fs::path(file.path).filename().string());
      traits.inputs.push_back(file.path);
      traits.has_validation_part |= file.split == Split::kValidation;
    }
    traits.format = "recbole (" + Join(names, ", ") + ")";
    traits.time = columns_.time.is_there() ? TimeMeaning::kSeconds : TimeMeaning::kNone;
    traits.positive_events = columns_.are_positive();
    traits.has_parts = traits.scenarios_follow = files_.size() > 1;
    for (const std::string& file : {user_file_, item_file_}) {
      if (!file.empty()) traits.inputs.push_back(file);
    }
    return traits;
  }

  void ReadEvents(EventSink* sink) override {
    for (size_t i = 0; i < files_.size(); ++i) {
      if (i > 0) Open(files_[i].path);  // the constructor has opened the first
      while (table_->Next()) {
        RawEvent event;
        event.part.split = files_[i].split;
        if (table_->Require(table_->header().size()) && columns_.Read(*table_, bad_rows_, &event)) {
          sink->Add(event, table_->place());
        }
      }
    }
  }

  void ReadFeatures(EntityBuilder* users, EntityBuilder* items) override {
    ReadSideTable(user_file_, columns_.user.name, /*has_titles=*/false, users);
    ReadSideTable(item_file_, columns_.item.name, /*has_titles=*/true, items);
  }

  std::vector<std::string> notes() const override { return columns_.Notes(*table_); }
  std::vector<EventType> event_types() const override { return columns_.weights.types(); }
  int64_t left_out_rows() const override { return columns_.weightless_count; }

 private:
  // Makes table_ the reader of a file, and finds the columns of its header.
  void Open(const std::string& path) {
    table_ = OpenAtomicTable(path, bad_rows_);
    const bool had_time = columns_.time.is_there();
    columns_.user = Require(options_.user_column, "user_id");
    columns_.item = Require(options_.item_column, "item_id");
    FindLabels();
    columns_.time = Find(options_.time_column, "timestamp");
    if (path == files_[0].path) {
      columns_.ChooseTimeUnit(options_.time_unit, table_.get());
    } else if (columns_.time.is_there() != had_time) {
      throw DataError("{}: some parts of this log have times, others have none", path);
    }
  }

  void FindLabels() {
    if (!options_.event_column.empty()) {
      columns_.type = Require(options_.event_column, "");
      return;
    }
    columns_.label = Find(options_.label_column, "rating");
    if (!columns_.label.is_there()) columns_.label = Find(options_.label_column, "label");
  }

  EventColumns::Column Require(const std::string& name, const char* usual) const {
    const std::string wanted = name.empty() ? usual : name;
    return {wanted, table_->RequireColumn(wanted)};
  }

  // A column that may be absent, unless it was asked for.
  EventColumns::Column Find(const std::string& name, const char* usual) const {
    if (!name.empty()) return Require(name, usual);
    return {usual, table_->Find(usual)};
  }

  void ReadSideTable(const std::string& file, const std::string& id_column, bool has_titles,
                     EntityBuilder* builder) const {
    if (file.empty()) return;
    const std::unique_ptr<Table> table = OpenAtomicTable(file, bad_rows_);
    SideFileOptions side;
    side.category_separator = " ";
    side.fields_may_be_missing = true;  // trailing tabs are often left out
    side.id_column = id_column;
    side.kinds = options_.kinds;
    if (has_titles) side.title_column = TitleColumn(table->header());
    ReadSideFile(file, side, table.get(), bad_rows_, builder);
  }

  /// The first column with a name that ends with "title" or "name", for example "movie_title"; ""
  /// if there is none.
  static std::string TitleColumn(const ColumnHeader& header) {
    for (size_t i = 0; i < header.size(); ++i) {
      const std::string& name = header.name(i);
      if (name.ends_with("title") || name.ends_with("name")) return name;
    }
    return "";
  }

  ColumnOptions options_;
  BadRows* bad_rows_;
  std::vector<InterFile> files_;
  std::string user_file_, item_file_;
  std::unique_ptr<Table> table_;  // reads a file once: it may be a pipe
  EventColumns columns_;
};

}  // namespace

std::unique_ptr<EventSource> MakeRecBoleSource(const std::string& path,
                                               const ColumnOptions& options, BadRows* bad_rows) {
  return std::make_unique<RecBoleSource>(path, options, bad_rows);
}

}  // namespace hearth
