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

const RecordFormat kAtomicFormat{.separator = "\t", .quotes = false};

class RecBoleSource : public EventSource {
 public:
  RecBoleSource(const std::string& path, BadRows* bad_rows)
      : inter_(FindOnlyFile(path, ".inter", "recbole")), bad_rows_(bad_rows) {
    const std::string stem = std::filesystem::path(inter_).replace_extension().string();
    if (std::filesystem::exists(stem + ".user")) user_file_ = stem + ".user";
    if (std::filesystem::exists(stem + ".item")) item_file_ = stem + ".item";
    RecordReader records(inter_, kAtomicFormat, bad_rows_);
    if (!records.Next()) {
      throw DataError("{} is empty; a header of name:type fields is expected", inter_);
    }
    const ColumnHeader header(inter_, records.fields(), /*typed=*/true);
    user_ = header.Require("user_id");
    item_ = header.Require("item_id");
    label_ = header.Find("rating");
    if (label_ == ColumnHeader::kNone) label_ = header.Find("label");
    time_ = header.Find("timestamp");
    width_ = header.size();
  }

  SourceTraits traits() const override {
    SourceTraits traits;
    traits.format = "recbole (" + std::filesystem::path(inter_).filename().string() + ")";
    traits.time = time_ == ColumnHeader::kNone ? TimeMeaning::kNone : TimeMeaning::kSeconds;
    traits.inputs = {inter_};
    if (!user_file_.empty()) traits.inputs.push_back(user_file_);
    if (!item_file_.empty()) traits.inputs.push_back(item_file_);
    return traits;
  }

  void ReadEvents(EventSink* sink) override {
    RecordReader records(inter_, kAtomicFormat, bad_rows_);
    records.Next();  // the header
    while (records.Next()) {
      if (!records.Require(width_)) continue;
      const auto& fields = records.fields();
      const RowPlace place = records.place();
      RawEvent event;
      if (!ParseId(fields[user_], "user_id", place, bad_rows_, &event.user) ||
          !ParseId(fields[item_], "item_id", place, bad_rows_, &event.item)) {
        continue;
      }
      if (label_ != ColumnHeader::kNone &&
          !ParseLabel(fields[label_], "rating", place, bad_rows_, &event.label)) {
        continue;
      }
      if (time_ != ColumnHeader::kNone &&
          !ParseTime(fields[time_], 1, "timestamp", place, bad_rows_, &event.time)) {
        continue;
      }
      sink->Add(event, place);
    }
  }

  void ReadFeatures(EntityBuilder* users, EntityBuilder* items) override {
    SideFileOptions options;
    options.format = kAtomicFormat;
    options.category_separator = " ";
    options.fields_may_be_missing = true;  // trailing tabs are often left out
    options.id_column = "user_id";
    if (!user_file_.empty()) ReadSideFile(user_file_, options, bad_rows_, users);
    if (item_file_.empty()) return;
    options.id_column = "item_id";
    options.title_column = TitleColumn();
    ReadSideFile(item_file_, options, bad_rows_, items);
  }

 private:
  /// The first column of the item file with a name that ends with "title" or "name", for example
  /// "movie_title"; "" if there is none.
  std::string TitleColumn() const {
    RecordReader records(item_file_, kAtomicFormat, bad_rows_);
    if (!records.Next()) return "";
    const ColumnHeader header(item_file_, records.fields(), /*typed=*/true);
    for (size_t i = 0; i < header.size(); ++i) {
      const std::string& name = header.name(i);
      if (name.ends_with("title") || name.ends_with("name")) return name;
    }
    return "";
  }

  std::string inter_, user_file_, item_file_;
  BadRows* bad_rows_;
  size_t user_ = 0, item_ = 0, label_ = 0, time_ = 0, width_ = 0;
};

}  // namespace

std::unique_ptr<EventSource> MakeRecBoleSource(const std::string& path, BadRows* bad_rows) {
  return std::make_unique<RecBoleSource>(path, bad_rows);
}

}  // namespace hearth
