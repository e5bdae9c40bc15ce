#include <algorithm>
#include <cmath>
#include <filesystem>
#include <utility>

#include <fmt/format.h>

#include "common/error.h"
#include "common/text.h"
#include "storage/import/field_parser.h"
#include "storage/import/importers.h"
#include "storage/import/side_file.h"
#include "storage/import/table_source.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

// The names of a review's columns.
struct ReviewColumns {
  const char *user, *item, *rating, *time, *unit;
};
constexpr ReviewColumns kReviews2018 = {"reviewerID", "asin", "overall", "unixReviewTime", "s"};
constexpr ReviewColumns kReviews2023 = {"user_id", "parent_asin", "rating", "timestamp", "ms"};
// Ratings without a header line. The first two names say nothing of users and items.
constexpr ReviewColumns kUserFirst = {"column_1", "column_2", "rating", "timestamp", "s"};
constexpr ReviewColumns kItemFirst = {"column_2", "column_1", "rating", "timestamp", "s"};

// The metadata that make features, and their kinds.
struct MetaColumn {
  const char *name, *kind;
};
constexpr MetaColumn kMetaColumns[] = {{"brand", "category"},      {"store", "category"},
                                       {"main_cat", "category"},   {"main_category", "category"},
                                       {"category", "categories"}, {"categories", "categories"},
                                       {"price", "number"}};

// The reviews and the metadata of a folder.
struct AmazonFiles {
  std::string reviews;
  std::string meta;  // "": none
};

bool IsAsin(std::string_view text) {
  text = Trim(text);
  return text.size() == 10 && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
         });
}

bool IsTable(fs::path path) {
  for (const char* compressed : {".gz", ".zst", ".xz", ".bz2", ".lz4"}) {
    if (path.extension() == compressed) path.replace_extension();
  }
  const std::string extension = path.extension().string();
  return extension == ".json" || extension == ".jsonl" || extension == ".csv";
}

AmazonFiles FindFiles(const std::string& path) {
  if (path == "-" || !fs::is_directory(path)) return {path, ""};
  std::vector<std::string> reviews, metas;
  for (const fs::directory_entry& entry : fs::directory_iterator(path)) {
    if (!entry.is_regular_file() || !IsTable(entry.path())) continue;
    const bool is_meta = entry.path().filename().string().starts_with("meta");
    (is_meta ? metas : reviews).push_back(entry.path().string());
  }
  std::ranges::sort(reviews);
  std::ranges::sort(metas);
  if (reviews.empty()) {
    throw DataError("{} holds no file of reviews (*.json, *.jsonl or *.csv, also compressed)",
                    path);
  }
  if (reviews.size() > 1) {
    throw DataError("{} holds {} files of reviews ({}); name one of them", path, reviews.size(),
                    Join(reviews, ", "));
  }
  if (metas.size() > 1) {
    throw DataError("{} holds {} files of metadata ({}); name one with --item-features", path,
                    metas.size(), Join(metas, ", "));
  }
  return {reviews[0], metas.empty() ? "" : metas[0]};
}

// Chooses between the orders user, item (2014) and item, user (2018): items are ASINs.
ReviewColumns OrderOf(const std::string& file, Table* table) {
  const auto holds_asins = [&](size_t column) {
    const std::vector<std::string> values = table->FirstValues(column);
    return !values.empty() && std::ranges::all_of(values, IsAsin);
  };
  const bool first = holds_asins(0), second = holds_asins(1);
  if (first && !second) return kItemFirst;
  if (second && !first) return kUserFirst;
  throw DataError(
      "{}: cannot tell users from items, because {} of the first two columns hold ASINs (10 "
      "capitals or digits); name them: --user-col 1 --item-col 2, or the other way round",
      file, first ? "both" : "none");
}

ReviewColumns FindReviewColumns(const std::string& file, const ColumnOptions& options,
                                Table* table) {
  const auto has = [&](const char* name) { return table->Find(name) != ColumnHeader::kNone; };
  if (has(kReviews2018.user)) return kReviews2018;
  if (has(kReviews2023.user)) return kReviews2023;
  if (!has(kUserFirst.user)) {
    if (!options.user_column.empty() && !options.item_column.empty()) return kReviews2023;
    throw DataError(
        "{} holds no Amazon reviews: it has neither reviewerID (2014, 2018) nor user_id (2023); "
        "for other names give --user-col, --item-col, --label-col and --time-col",
        file);
  }
  if (!options.user_column.empty() && !options.item_column.empty()) return kUserFirst;
  return OrderOf(file, table);
}

// Metadata with readable prices: "$1,299.00" is 1299. Any other text counts as missing.
class PricedTable : public Table {
 public:
  explicit PricedTable(std::unique_ptr<Table> table) : table_(std::move(table)) {}

  int64_t unreadable_count() const { return unreadable_count_; }

  bool Next() override {
    if (!table_->Next()) return false;
    fields_ = table_->fields();
    const size_t price = table_->header().Find("price");
    if (price < fields_.size() && FormOf(price) == FieldForm::kValue) {
      price_ = fields_[price];
      std::erase_if(price_, [](char c) { return c == '$' || c == ',' || c == ' '; });
      const bool is_readable = IsNumber(price_);
      unreadable_count_ += !is_readable && !IsMissingNumber(Trim(fields_[price]));
      if (!is_readable) price_.clear();
      fields_[price] = price_;
    }
    return true;
  }
  const std::vector<std::string_view>& fields() const override { return fields_; }
  RowPlace place() const override { return table_->place(); }
  bool Require(size_t least) override { return table_->Require(least); }
  FieldForm FormOf(size_t column) const override { return table_->FormOf(column); }
  std::vector<std::string_view> Parts(size_t column, std::string_view separator) const override {
    return table_->Parts(column, separator);
  }
  const ColumnHeader& header() const override { return table_->header(); }
  size_t Find(std::string_view name) override { return table_->Find(name); }
  size_t RequireColumn(std::string_view name) override { return table_->RequireColumn(name); }
  std::vector<std::string> FirstValues(size_t column) override {
    return table_->FirstValues(column);
  }
  std::string_view format() const override { return table_->format(); }
  std::string Described() const override { return table_->Described(); }

 private:
  std::unique_ptr<Table> table_;
  std::vector<std::string_view> fields_;
  std::string price_;
  int64_t unreadable_count_ = 0;
};

// The side file options of metadata. `item_column` is the name of the items in the reviews.
SideFileOptions MetaOptions(const ColumnOptions& options, const std::string& item_column,
                            Table* meta) {
  SideFileOptions side;
  const bool has_parents = meta->Find(kReviews2023.item) != ColumnHeader::kNone;
  side.id_column = has_parents ? kReviews2023.item : kReviews2018.item;
  if (meta->Find(item_column) != ColumnHeader::kNone) side.id_column = item_column;
  side.title_column = options.title_column;
  side.category_separator = options.category_separator;
  side.kinds = options.kinds;
  for (const MetaColumn& column : kMetaColumns) {
    side.only.emplace_back(column.name);
    const std::string prefix = std::string(column.name) + "=";
    const auto is_it = [&](const std::string& kind) { return kind.starts_with(prefix); };
    if (std::ranges::none_of(side.kinds, is_it)) side.kinds.push_back(prefix + column.kind);
  }
  return side;
}

class AmazonSource : public EventSource {
 public:
  AmazonSource(const AmazonFiles& files, const ColumnOptions& options,
               const std::string& task_column, BadRows* bad_rows)
      : meta_(options.item_features.empty() ? files.meta : options.item_features),
        options_(options),
        bad_rows_(bad_rows) {
    TableLog log{"amazon", files.reviews, options, task_column};
    ColumnOptions& columns = log.columns;
    columns.item_features = "";  // read here
    columns.names = {kUserFirst.user, kUserFirst.item, kUserFirst.rating, kUserFirst.time};
    std::unique_ptr<Table> table = OpenTable(files.reviews, columns, bad_rows);
    const ReviewColumns usual = FindReviewColumns(files.reviews, options, table.get());
    if (columns.user_column.empty()) columns.user_column = usual.user;
    if (columns.item_column.empty()) columns.item_column = usual.item;
    if (columns.label_column.empty()) columns.label_column = usual.rating;
    if (columns.time_column.empty()) {
      columns.time_column = usual.time;
      if (columns.time_unit == "auto") columns.time_unit = usual.unit;
    }
    log.notes.push_back(fmt::format("users: {}, items: {}, labels: {}", columns.user_column,
                                    columns.item_column, columns.label_column));
    item_column_ = columns.item_column;
    events_ = MakeTableSource(std::move(log), std::move(table), bad_rows);
  }

  SourceTraits traits() const override {
    SourceTraits traits = events_->traits();
    if (!meta_.empty()) traits.inputs.push_back(meta_);
    return traits;
  }
  void ReadEvents(EventSink* sink) override { events_->ReadEvents(sink); }
  int64_t joined_lines() const override { return events_->joined_lines(); }

  void ReadFeatures(EntityBuilder* users, EntityBuilder* items) override {
    events_->ReadFeatures(users, items);
    if (meta_.empty()) return;
    PricedTable table(OpenTable(meta_, options_, bad_rows_));
    ReadSideFile(meta_, MetaOptions(options_, item_column_, &table), &table, bad_rows_, items);
    unreadable_count_ = table.unreadable_count();
  }

  std::vector<std::string> notes() const override {
    std::vector<std::string> notes = events_->notes();
    if (meta_.empty()) notes.emplace_back("no metadata: items have no features");
    if (unreadable_count_ > 0) {
      notes.push_back(
          fmt::format("{} prices are no single number and count as missing", unreadable_count_));
    }
    return notes;
  }

 private:
  std::string meta_;  // "": none
  ColumnOptions options_;
  BadRows* bad_rows_;
  std::string item_column_;
  std::unique_ptr<EventSource> events_;
  int64_t unreadable_count_ = 0;
};

}  // namespace

std::unique_ptr<EventSource> MakeAmazonSource(const std::string& path, const ColumnOptions& options,
                                              const std::string& task_column, BadRows* bad_rows) {
  return std::make_unique<AmazonSource>(FindFiles(path), options, task_column, bad_rows);
}

}  // namespace hearth
