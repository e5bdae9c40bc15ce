#include "storage/import/entity_builder.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "common/error.h"
#include "common/text.h"
#include "storage/import/field_parser.h"

namespace hearth {

EntityBuilder::EntityBuilder(const std::vector<std::string>& ids, bool add_unseen,
                             BadRows* bad_rows)
    : add_unseen_(add_unseen), bad_rows_(bad_rows), known_count_(std::ssize(ids)) {
  for (const std::string& id : ids) ids_.Intern(id);
  HEARTH_CHECK(ids_.size() == std::ssize(ids), "ids are not unique");
}

void EntityBuilder::BeginFile(const std::string& path) {
  row_hashes_.clear();
  files_.push_back({.path = path});
}

void EntityBuilder::EndFile() const {
  const SideFileMatch& file = files_.back();
  if (file.rows == 0)
    throw DataError("{} is empty: it has no rows that describe anything", file.path);
  if (file.matched > 0 || known_count_ == 0) return;
  throw DataError(
      "{}: none of its {} rows fits the log: it has the id '{}', and the log has '{}'; name the "
      "column with the ids of the log, or leave the file out",
      file.path, file.rows, file.unmatched_id, ids_[0]);
}

void EntityBuilder::NoteUnused(const std::string& name) {
  std::vector<std::string>& unused = files_.back().unused;
  if (std::ranges::find(unused, name) == unused.end()) unused.push_back(name);
}

std::vector<std::string> EntityBuilder::FeatureNames() const {
  std::vector<std::string> names = skipped_;
  for (const Column& column : columns_) names.push_back(column.name);
  return names;
}

int64_t EntityBuilder::Define(std::string_view id, std::string_view column, const RowPlace& place,
                              uint64_t row_hash) {
  id = Trim(id);
  if (id.empty()) {
    bad_rows_->Reject(place, column, id, "an empty id");
    return -1;
  }
  SideFileMatch& file = files_.back();
  int64_t entity = ids_.Find(id);
  ++file.rows;
  if (entity >= 0 && entity < known_count_) {
    ++file.matched;
  } else if (file.unmatched_id.empty()) {
    file.unmatched_id = id;
  }
  if (entity < 0 && add_unseen_) entity = ids_.Intern(id);
  if (entity < 0) return -1;
  if (std::ssize(row_hashes_) <= entity) row_hashes_.resize(ids_.size());
  std::optional<uint64_t>& known = row_hashes_[entity];
  if (known && row_hash != 0 && *known == row_hash) {
    ++file.repeated;
    return -1;
  }
  if (known) {
    bad_rows_->Reject(place, column, id, "this id was already described in this file");
    return -1;
  }
  known = row_hash;
  return entity;
}

size_t EntityBuilder::Feature(std::string_view name, FeatureKind kind, bool is_guessed) {
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (columns_[i].name == name) return i;
  }
  Column& column = columns_.emplace_back();
  column.name = name;
  column.kind = kind;
  column.is_guessed = is_guessed;
  column.vocabulary.Intern("");
  return columns_.size() - 1;
}

void EntityBuilder::SetTitle(int64_t entity, std::string_view title) {
  if (std::ssize(titles_) <= entity) titles_.resize(entity + 1);
  titles_[entity] = Trim(title);
}

void EntityBuilder::AddCategory(size_t feature, int64_t entity, std::string_view category) {
  category = Trim(category);
  if (category.empty()) return;
  Column& column = columns_[feature];
  column.entries.emplace_back(entity, column.vocabulary.Intern(category));
}

void EntityBuilder::SetNumber(size_t feature, int64_t entity, float number) {
  columns_[feature].numbers.emplace_back(entity, number);
}

bool EntityBuilder::SetVector(size_t feature, int64_t entity, const std::vector<float>& vector,
                              const RowPlace& place) {
  Column& column = columns_[feature];
  if (!column.vectors.empty() && column.vectors[0].second.size() != vector.size()) {
    bad_rows_->Reject(place, column.name, fmt::format("{} numbers", vector.size()),
                      fmt::format("earlier rows have {}", column.vectors[0].second.size()));
    return false;
  }
  column.vectors.emplace_back(entity, vector);
  return true;
}

EntityTable EntityBuilder::Build() {
  EntityTable table;
  for (int64_t i = 0; i < ids_.size(); ++i) table.ids.push_back(ids_[i]);
  if (!titles_.empty()) titles_.resize(table.ids.size());
  table.titles = std::move(titles_);
  for (Column& column : columns_) {
    if (column.entries.empty() && column.numbers.empty() && column.vectors.empty()) continue;
    table.features.push_back(Finish(&column));
  }
  return table;
}

bool EntityBuilder::HoldsAmounts(const Column& column) {
  std::vector<bool> has_one;
  for (const auto& [entity, category] : column.entries) {
    if (std::ssize(has_one) <= entity) has_one.resize(entity + 1);
    if (has_one[entity]) return false;  // several values
    has_one[entity] = true;
  }
  bool any_fraction = false;
  for (int64_t i = 1; i < column.vocabulary.size(); ++i) {
    const std::string& text = column.vocabulary[i];
    const bool is_code = text.size() > 1 && text[0] == '0' && text[1] != '.';
    if (is_code || !IsNumber(text)) return false;
    any_fraction = any_fraction || text.find('.') != std::string::npos;
  }
  return any_fraction || column.vocabulary.size() - 1 > kMostNumberCategories;
}

FeatureColumn EntityBuilder::Finish(Column* column) const {
  const int64_t entity_count = ids_.size();
  if (column->is_guessed && HoldsAmounts(*column)) {
    column->kind = FeatureKind::kNumber;
    for (const auto& [entity, category] : column->entries) {
      column->numbers.emplace_back(entity, std::stof(column->vocabulary[category]));
    }
  }
  FeatureColumn feature;
  feature.name = column->name;
  feature.kind = column->kind;
  const float missing = std::numeric_limits<float>::quiet_NaN();
  if (column->kind == FeatureKind::kNumber) {
    feature.numbers.assign(entity_count, missing);
    for (const auto& [entity, number] : column->numbers) feature.numbers[entity] = number;
  } else if (column->kind == FeatureKind::kVector) {
    feature.width = std::ssize(column->vectors[0].second);
    feature.numbers.assign(entity_count * feature.width, missing);
    for (const auto& [entity, vector] : column->vectors) {
      std::copy(vector.begin(), vector.end(), feature.numbers.begin() + entity * feature.width);
    }
  } else {
    FinishCategories(column, &feature);
  }
  return feature;
}

void EntityBuilder::FinishCategories(Column* column, FeatureColumn* feature) const {
  const int64_t entity_count = ids_.size();
  for (int64_t i = 0; i < column->vocabulary.size(); ++i) {
    feature->vocabulary.push_back(column->vocabulary[i]);
  }
  auto& entries = column->entries;
  if (column->kind == FeatureKind::kCategories) {
    std::sort(entries.begin(), entries.end());
    entries.erase(std::unique(entries.begin(), entries.end()), entries.end());
    const bool single =
        std::adjacent_find(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
          return a.first == b.first;
        }) == entries.end();
    if (!column->is_guessed || !single) {
      feature->offsets.assign(entity_count + 1, 0);
      for (const auto& [entity, category] : entries) {
        ++feature->offsets[entity + 1];
        feature->categories.push_back(category);
      }
      for (int64_t i = 0; i < entity_count; ++i) feature->offsets[i + 1] += feature->offsets[i];
      return;
    }
    feature->kind = FeatureKind::kCategory;
  }
  feature->categories.assign(entity_count, 0);
  for (const auto& [entity, category] : entries) feature->categories[entity] = category;
}

}  // namespace hearth
