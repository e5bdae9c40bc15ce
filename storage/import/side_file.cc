#include "storage/import/side_file.h"

#include <cmath>
#include <vector>

#include <fmt/format.h>

#include "common/error.h"
#include "common/text.h"
#include "storage/import/column_header.h"
#include "storage/import/field_parser.h"

namespace hearth {
namespace {

struct SideColumn {
  size_t position = 0;
  std::string name;
  FeatureKind kind = FeatureKind::kCategories;
  size_t feature = 0;  // number given by EntityBuilder::Feature
};

SideColumn MakeColumn(size_t position, const std::string& name, const std::string& type,
                      EntityBuilder* builder) {
  SideColumn column{.position = position, .name = name};
  if (type == "float") column.kind = FeatureKind::kNumber;
  if (type == "float_seq") column.kind = FeatureKind::kVector;
  if (type == "token") column.kind = FeatureKind::kCategory;
  const bool untyped = type.empty();
  column.feature = builder->Feature(name, column.kind, /*collapse=*/untyped);
  return column;
}

class SideFileReader {
 public:
  SideFileReader(const std::string& path, const SideFileOptions& options, BadRows* bad_rows,
                 EntityBuilder* builder)
      : options_(options),
        path_(path),
        records_(path, options.format, bad_rows),
        bad_rows_(bad_rows),
        builder_(builder) {}

  void Read() {
    builder_->BeginFile();
    bool more = records_.Next();
    if (!more) return;
    ReadHeader();
    if (options_.header) more = records_.Next();
    for (; more; more = records_.Next()) ReadRow();
  }

 private:
  void ReadHeader() {
    std::vector<std::string> names;
    std::vector<std::string_view> fields = records_.fields();
    if (!options_.header) {
      for (size_t i = 0; i < fields.size(); ++i) names.push_back(fmt::format("column_{}", i + 1));
      fields.assign(names.begin(), names.end());
    }
    const ColumnHeader header(path_, fields, /*typed=*/false);
    id_position_ = header.Require(options_.id_column);
    title_position_ =
        options_.title_column.empty() ? ColumnHeader::kNone : header.Find(options_.title_column);
    for (size_t i = 0; i < header.size(); ++i) {
      if (i == id_position_ || i == title_position_) continue;
      columns_.push_back(MakeColumn(i, header.name(i), header.type(i), builder_));
    }
    required_fields_ = header.size();
    if (options_.fields_may_be_missing) required_fields_ = id_position_ + 1;
    id_name_ = header.name(id_position_);
  }

  void ReadRow() {
    if (!records_.Require(required_fields_)) return;
    const auto& fields = records_.fields();
    const RowPlace place = records_.place();
    const int64_t entity = builder_->Define(fields[id_position_], id_name_, place);
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
    } else if (!cell.empty()) {
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
  RecordReader records_;
  BadRows* bad_rows_;
  EntityBuilder* builder_;
  size_t id_position_ = 0, title_position_ = ColumnHeader::kNone;
  size_t required_fields_ = 0;  // fields that every row needs
  std::string id_name_;
  std::vector<SideColumn> columns_;
};

}  // namespace

void ReadSideFile(const std::string& path, const SideFileOptions& options, BadRows* bad_rows,
                  EntityBuilder* builder) {
  HEARTH_CHECK(!options.category_separator.empty() && !options.number_separator.empty());
  SideFileReader(path, options, bad_rows, builder).Read();
}

}  // namespace hearth
