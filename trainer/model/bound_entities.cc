#include "trainer/model/bound_entities.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "common/error.h"

namespace hearth {
namespace {

// Drops the side from the name of a field: "item.genre" -> "genre".
std::string_view ColumnName(const FieldSchema& field) {
  return std::string_view(field.name).substr(field.name.find('.') + 1);
}

// [category of the column] the category's table row; empty when both vocabularies are equal.
std::vector<int64_t> RowsOfCategories(const FieldSchema& field, const FeatureColumn& column) {
  if (column.vocabulary == field.vocabulary) return {};
  std::unordered_map<std::string_view, int64_t> row_of;
  for (int64_t row = 1; row < field.row_count; ++row) row_of.emplace(field.vocabulary[row], row);
  std::vector<int64_t> rows;
  for (const std::string& category : column.vocabulary) {
    const auto known = row_of.find(category);
    rows.push_back(known == row_of.end() ? 0 : known->second);
  }
  return rows;
}

}  // namespace

BoundEntities::BoundEntities(const std::string& side, const std::vector<FieldSchema>& fields,
                             std::shared_ptr<const EntityTable> entities)
    : fields_(fields), entities_(std::move(entities)) {
  report_.side = side;
  report_.entity_count = entities_->size();
  for (const FieldSchema& field : fields_) BindColumn(field);
  NameUnusedColumns();
}

BoundEntities::BoundEntities(const std::string& side, const std::vector<FieldSchema>& fields,
                             const Catalogue& catalogue,
                             std::shared_ptr<const EntityTable> entities)
    : BoundEntities(side, fields, std::move(entities)) {
  BindIds(catalogue);
}

void BoundEntities::BindColumn(const FieldSchema& field) {
  Column& bound = columns_.emplace_back();
  if (field.kind == FieldKind::kId) return;
  bound.data = entities_->FindFeature(ColumnName(field));
  BindingReport::Field& report = report_.fields.emplace_back();
  report.name = field.name;
  report.missing = bound.data == nullptr;
  if (report.missing) return;
  const FeatureColumn& column = *bound.data;
  if (KindOf(column.kind) != field.kind) {
    throw DataError(
        "column '{}' of the {}s is of kind {}, but the model was trained with {}; convert the "
        "column to the same kind",
        column.name, report_.side, NameOf(KindOf(column.kind)), NameOf(field.kind));
  }
  if (!field.is_categorical()) {
    if (column.width != field.width()) {
      throw DataError("column '{}' of the {}s has {} numbers, but the model was trained with {}",
                      column.name, report_.side, column.width, field.width());
    }
    return;
  }
  bound.row_of = RowsOfCategories(field, column);
  report.value_count = std::ssize(column.vocabulary) - 1;
  report.known_count = report.value_count;
  if (bound.row_of.empty()) return;
  report.known_count = report.value_count + 1 - std::ranges::count(bound.row_of, 0);
}

void BoundEntities::BindIds(const Catalogue& catalogue) {
  if (entities_ == catalogue.items) {
    id_rows_ = catalogue.id_rows;
    report_.known_count = report_.entity_count;
    return;
  }
  std::unordered_map<std::string_view, int64_t> place;
  place.reserve(catalogue.items->ids.size());
  for (int64_t item = 0; item < catalogue.items->size(); ++item) {
    place.emplace(catalogue.items->ids[item], item);
  }
  for (const std::string& id : entities_->ids) {
    const auto known = place.find(id);
    if (known == place.end()) {
      id_rows_.push_back(0);
      continue;
    }
    id_rows_.push_back(catalogue.id_rows[known->second]);
    ++report_.known_count;
  }
}

void BoundEntities::NameUnusedColumns() {
  for (const FeatureColumn& column : entities_->features) {
    const bool used =
        std::ranges::any_of(columns_, [&](const Column& bound) { return bound.data == &column; });
    if (!used) report_.unused_columns.push_back(column.name);
  }
}

FieldIds BoundEntities::Ids(int64_t field, std::span<const int64_t> entities, bool hide_ids) const {
  const bool is_id = fields_[field].kind == FieldKind::kId;
  const Column& column = columns_[field];
  FieldIds result;
  const auto add = [&](int64_t row, int64_t position) {
    result.ids.push_back(row);
    result.segment.push_back(position);
  };
  for (int64_t i = 0; i < std::ssize(entities); ++i) {
    const int64_t entity = entities[i];
    if (is_id) {
      const bool hidden = hide_ids || entity == kUnknownEntity;
      add(hidden ? 0 : id_rows_[entity], i);
      continue;
    }
    if (entity == kUnknownEntity || column.data == nullptr) {
      if (fields_[field].kind == FieldKind::kCategory) add(0, i);
      continue;
    }
    const auto [begin, end] = column.data->CategoriesOf(entity);
    for (const int32_t* category = begin; category != end; ++category) {
      add(column.row_of.empty() ? *category : column.row_of[*category], i);
    }
  }
  return result;
}

std::vector<float> BoundEntities::Numbers(int64_t field, std::span<const int64_t> entities) const {
  const FieldSchema& schema = fields_[field];
  const FeatureColumn* column = columns_[field].data;
  const int64_t width = schema.width();
  std::vector<float> numbers(entities.size() * width, 0.0f);
  if (column == nullptr) return numbers;
  for (size_t i = 0; i < entities.size(); ++i) {
    if (entities[i] == kUnknownEntity) continue;
    for (int64_t w = 0; w < width; ++w) {
      const double value = column->numbers[entities[i] * width + w];
      if (!std::isfinite(value)) continue;
      numbers[i * width + w] =
          static_cast<float>((value - schema.mean[w]) * schema.inverse_deviation[w]);
    }
  }
  return numbers;
}

}  // namespace hearth
