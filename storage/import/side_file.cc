#include "storage/import/side_file.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "common/error.h"
#include "common/hash.h"
#include "common/text.h"
#include "storage/import/column_header.h"
#include "storage/import/field_parser.h"

namespace hearth {
namespace {

// The words for the kind of a column: of a header's type, and of an option.
struct KindName {
  std::string_view type, option;
  FeatureKind kind;
};
constexpr std::array<KindName, 4> kKinds = {{
    {"float", "number", FeatureKind::kNumber},
    {"token", "category", FeatureKind::kCategory},
    {"token_seq", "categories", FeatureKind::kCategories},
    {"float_seq", "vector", FeatureKind::kVector},
}};
constexpr std::string_view kSkip = "skip";

struct SideColumn {
  size_t position = 0;
  std::string name;
  FeatureKind kind = FeatureKind::kCategories;
  bool was_asked_for = false;  // an option names the column
  size_t feature = 0;          // number given by EntityBuilder::Feature
};

// "NAME=KIND" as a pair.
std::pair<std::string, std::string> ParseKind(const std::string& option) {
  const size_t equals = option.rfind('=');
  std::vector<std::string> legal = {std::string(kSkip)};
  for (const KindName& kind : kKinds) legal.emplace_back(kind.option);
  const std::string kind = equals == std::string::npos ? "" : option.substr(equals + 1);
  if (equals == 0 || std::ranges::find(legal, kind) == legal.end()) {
    throw UsageError("--column '{}' is not NAME=KIND; the kinds are {}{}", option,
                     Join(legal, ", "), DidYouMean(kind, legal));
  }
  return {option.substr(0, equals), kind};
}

class SideFileReader {
 public:
  SideFileReader(const std::string& path, const SideFileOptions& options, Table* table,
                 BadRows* bad_rows, EntityBuilder* builder)
      : options_(options), path_(path), table_(table), bad_rows_(bad_rows), builder_(builder) {
    id_position_ = table_->RequireColumn(options_.id_column);
    if (!options_.title_column.empty()) title_position_ = table_->Find(options_.title_column);
    for (const std::string& option : options_.kinds) table_->Find(ParseKind(option).first);
  }

  void Read() {
    builder_->BeginFile(path_);
    AddNewColumns();
    while (table_->Next()) {
      AddNewColumns();
      ReadRow();
    }
    builder_->EndFile();
  }

 private:
  // A table may name more columns with every row.
  void AddNewColumns() {
    const ColumnHeader& header = table_->header();
    for (; column_count_ < header.size(); ++column_count_) {
      const size_t i = column_count_;
      if (i == id_position_ || i == title_position_) continue;
      const std::string& name = header.name(i);
      AddColumn(i, table_->has_names() ? name : "column_" + name, header.type(i));
    }
  }

  void AddColumn(size_t position, const std::string& name, const std::string& type) {
    SideColumn column{.position = position, .name = name};
    std::string wanted;
    for (const std::string& option : options_.kinds) {
      const auto [named, kind] = ParseKind(option);
      if (named == name) wanted = kind;
    }
    if (wanted == kSkip) {
      builder_->Skip(name);
      return;
    }
    if (wanted.empty() && !options_.only.empty() &&
        std::ranges::find(options_.only, name) == options_.only.end()) {
      builder_->NoteUnused(name);
      return;
    }
    column.was_asked_for = !wanted.empty();
    bool is_guessed = true;
    for (const KindName& kind : kKinds) {
      if (wanted.empty() ? kind.type != type : kind.option != wanted) continue;
      column.kind = kind.kind;
      is_guessed = false;
    }
    column.feature = builder_->Feature(name, column.kind, is_guessed);
    columns_.push_back(column);
  }

  void ReadRow() {
    const size_t column_count = table_->header().size();
    const size_t least = options_.fields_may_be_missing ? id_position_ + 1 : column_count;
    if (!table_->Require(least) || !table_->RequireValue(id_position_, bad_rows_)) return;
    const auto& fields = table_->fields();
    const RowPlace place = table_->place();
    const std::string& id_name = table_->header().name(id_position_);
    const int64_t entity = builder_->Define(fields[id_position_], id_name, place, RowHash());
    if (entity < 0) return;
    if (title_position_ < fields.size() && table_->RequireValue(title_position_, bad_rows_)) {
      builder_->SetTitle(entity, fields[title_position_]);
    }
    for (const SideColumn& column : columns_) {
      if (column.position < fields.size()) ReadCell(column, entity, place);
    }
  }

  // A hash of all fields. Objects count for their presence alone, as they make no feature.
  uint64_t RowHash() {
    constexpr char kEnd = '\x1F';
    row_.clear();
    for (size_t i = 0; i < table_->fields().size(); ++i) {
      if (table_->FormOf(i) == FieldForm::kList) {
        for (const std::string_view part : table_->Parts(i, "")) (row_ += part) += kEnd;
      }
      (row_ += table_->fields()[i]) += kEnd;
    }
    return Xxh3(row_.data(), row_.size());
  }

  void ReadCell(const SideColumn& column, int64_t entity, const RowPlace& place) {
    const FieldForm form = table_->FormOf(column.position);
    if (form == FieldForm::kObject && !column.was_asked_for) {
      builder_->NoteUnused(column.name);
      return;
    }
    const bool takes_list =
        column.kind == FeatureKind::kCategories || column.kind == FeatureKind::kVector;
    if (form == FieldForm::kList && takes_list) {
      ReadParts(column, entity, place);
      return;
    }
    if (!table_->RequireValue(column.position, bad_rows_)) return;
    const std::string_view cell = Trim(table_->fields()[column.position]);
    if (column.kind != FeatureKind::kNumber && IsMissingText(cell)) return;
    float number = 0;
    if (column.kind == FeatureKind::kCategory) {
      builder_->AddCategory(column.feature, entity, cell);
    } else if (column.kind == FeatureKind::kNumber) {
      if (ParseFeatureNumber(cell, column.name, place, bad_rows_, &number) && !std::isnan(number)) {
        builder_->SetNumber(column.feature, entity, number);
      }
    } else {
      ReadParts(column, entity, place);
    }
  }

  // Several categories, or the numbers of a vector.
  void ReadParts(const SideColumn& column, int64_t entity, const RowPlace& place) {
    const bool is_vector = column.kind == FeatureKind::kVector;
    const std::vector<std::string_view> parts = table_->Parts(
        column.position, is_vector ? options_.number_separator : options_.category_separator);
    for (const std::string_view text : parts) {
      if (text.find('\0') == std::string_view::npos) continue;
      bad_rows_->Reject(place, column.name, text, "a text with a NUL character");
      return;
    }
    if (!is_vector) {
      for (const std::string_view text : parts) {
        builder_->AddCategory(column.feature, entity, text);
      }
      return;
    }
    std::vector<float> vector;
    float number = 0;
    for (const std::string_view text : parts) {
      if (!ParseFeatureNumber(text, column.name, place, bad_rows_, &number)) return;
      vector.push_back(number);
    }
    if (!vector.empty()) builder_->SetVector(column.feature, entity, vector, place);
  }

  const SideFileOptions& options_;
  const std::string& path_;
  Table* table_;
  BadRows* bad_rows_;
  EntityBuilder* builder_;
  size_t id_position_ = 0, title_position_ = ColumnHeader::kNone;
  size_t column_count_ = 0;  // columns of the table that were looked at
  std::vector<SideColumn> columns_;
  std::string row_;
};

}  // namespace

void ReadSideFile(const std::string& path, const SideFileOptions& options, Table* table,
                  BadRows* bad_rows, EntityBuilder* builder) {
  HEARTH_CHECK(!options.category_separator.empty() && !options.number_separator.empty());
  SideFileReader(path, options, table, bad_rows, builder).Read();
}

void RequireKindsUsed(const std::vector<std::string>& kinds,
                      const std::vector<const EntityBuilder*>& builders) {
  for (const std::string& option : kinds) {
    const std::string name = ParseKind(option).first;
    std::vector<std::string> names;
    for (const EntityBuilder* builder : builders) {
      const std::vector<std::string> of_builder = builder->FeatureNames();
      names.insert(names.end(), of_builder.begin(), of_builder.end());
    }
    if (std::ranges::find(names, name) != names.end()) continue;
    throw UsageError("--column {}: no feature file has a column '{}'{}; the columns are {}", option,
                     name, DidYouMean(name, names), names.empty() ? "none" : Join(names, ", "));
  }
}

}  // namespace hearth
