#include "storage/import/side_file.h"

#include <array>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "common/error.h"
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
  size_t feature = 0;  // number given by EntityBuilder::Feature
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
  SideFileReader(const std::string& path, const TableForm& form, const SideFileOptions& options,
                 RecordReader* records, BadRows* bad_rows, EntityBuilder* builder)
      : options_(options),
        path_(path),
        header_(form.header),
        records_(records),
        bad_rows_(bad_rows),
        builder_(builder) {
    if (!form.has_header && ColumnNumber(options.id_column) == ColumnHeader::kNone) {
      throw DataError(
          "{}:1: the first line looks like a row, not like the names of columns, so there is no "
          "column '{}'; give columns by their numbers, or --header if it does name them",
          path_, options.id_column);
    }
    id_position_ = header_.Require(options_.id_column);
    if (!options_.title_column.empty()) title_position_ = header_.Find(options_.title_column);
    for (size_t i = 0; i < header_.size(); ++i) {
      if (i == id_position_ || i == title_position_) continue;
      const std::string& name = header_.name(i);
      AddColumn(i, form.has_header ? name : "column_" + name, header_.type(i));
    }
  }

  void Read() {
    builder_->BeginFile(path_);
    while (records_->Next()) ReadRow();
    builder_->EndFile();
  }

 private:
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
    const size_t least = options_.fields_may_be_missing ? id_position_ + 1 : header_.size();
    if (!records_->Require(least, header_.size())) return;
    const auto& fields = records_->fields();
    const RowPlace place = records_->place();
    const int64_t entity =
        builder_->Define(fields[id_position_], header_.name(id_position_), place);
    if (entity < 0) return;
    if (title_position_ < fields.size()) builder_->SetTitle(entity, fields[title_position_]);
    for (const SideColumn& column : columns_) {
      if (column.position < fields.size()) {
        ReadCell(column, Trim(fields[column.position]), entity, place);
      }
    }
  }

  void ReadCell(const SideColumn& column, std::string_view cell, int64_t entity,
                const RowPlace& place) {
    float number = 0;
    if (column.kind != FeatureKind::kNumber && IsMissingText(cell)) return;
    if (column.kind == FeatureKind::kCategory) {
      builder_->AddCategory(column.feature, entity, cell);
    } else if (column.kind == FeatureKind::kCategories) {
      for (const std::string_view category : SplitText(cell, options_.category_separator)) {
        builder_->AddCategory(column.feature, entity, category);
      }
    } else if (column.kind == FeatureKind::kNumber) {
      if (ParseFeatureNumber(cell, column.name, place, bad_rows_, &number) && !std::isnan(number)) {
        builder_->SetNumber(column.feature, entity, number);
      }
    } else {
      std::vector<float> vector;
      for (const std::string_view text : SplitText(cell, options_.number_separator)) {
        if (!ParseFeatureNumber(text, column.name, place, bad_rows_, &number)) return;
        vector.push_back(number);
      }
      builder_->SetVector(column.feature, entity, vector, place);
    }
  }

  const SideFileOptions& options_;
  const std::string& path_;
  const ColumnHeader& header_;
  RecordReader* records_;
  BadRows* bad_rows_;
  EntityBuilder* builder_;
  size_t id_position_ = 0, title_position_ = ColumnHeader::kNone;
  std::vector<SideColumn> columns_;
};

}  // namespace

void ReadSideFile(const std::string& path, const TableForm& form, const SideFileOptions& options,
                  RecordReader* records, BadRows* bad_rows, EntityBuilder* builder) {
  HEARTH_CHECK(!options.category_separator.empty() && !options.number_separator.empty());
  SideFileReader(path, form, options, records, bad_rows, builder).Read();
}

TableForm FindAtomicForm(const std::string& path, RecordReader* records) {
  const RecordFormat format{.separator = "\t", .quotes = false};
  records->SetFormat(format);
  if (!records->Next()) {
    throw DataError("{} is empty; a header of name:type fields is expected", path);
  }
  ColumnHeader header(path, records->fields(), /*typed=*/true);
  return {format, /*has_header=*/true, std::move(header), records->Peek(kRowsLookedAt)};
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
