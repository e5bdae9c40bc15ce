#include "trainer/model/fields.h"

#include <algorithm>
#include <cmath>

#include "common/error.h"

namespace hearth {
namespace {

bool IsCategoryKind(FeatureKind kind) {
  return kind == FeatureKind::kCategory || kind == FeatureKind::kCategories;
}

}  // namespace

EntityFields::EntityFields(const EntityTable& entities, const std::string& prefix,
                           std::span<const std::string> wanted)
    : prefix_(prefix), entity_count_(entities.size()) {
  for (const FeatureColumn& column : entities.features) {
    const std::string name = prefix + "." + column.name;
    if (!wanted.empty() && std::find(wanted.begin(), wanted.end(), name) == wanted.end()) continue;
    Field field{.name = name, .kind = column.kind, .column = &column};
    if (IsCategoryKind(column.kind)) {
      field.vocabulary_size = static_cast<int64_t>(column.vocabulary.size());
      scales_.emplace_back();
    } else {
      field.width = column.width;
      scales_.push_back(MeasureScale(column));
    }
    fields_.push_back(std::move(field));
  }
  id_rows_.assign(static_cast<size_t>(entity_count_), 0);
}

void EntityFields::AddIdField(std::span<const int64_t> event_counts, int64_t min_events) {
  int64_t next_row = 1;
  for (int64_t entity = 0; entity < entity_count_; ++entity) {
    if (event_counts[static_cast<size_t>(entity)] >= min_events) {
      id_rows_[static_cast<size_t>(entity)] = next_row++;
    }
  }
  fields_.push_back({.name = prefix_ + ".id", .vocabulary_size = next_row});
  scales_.emplace_back();
}

EntityFields::Scale EntityFields::MeasureScale(const FeatureColumn& column) const {
  Scale scale;
  for (int64_t w = 0; w < column.width; ++w) {
    double sum = 0.0, sum_of_squares = 0.0;
    int64_t count = 0;
    for (int64_t entity = 0; entity < entity_count_; ++entity) {
      const double value = column.numbers[static_cast<size_t>(entity * column.width + w)];
      if (!std::isfinite(value)) continue;
      sum += value;
      sum_of_squares += value * value;
      ++count;
    }
    const double mean = count > 0 ? sum / static_cast<double>(count) : 0.0;
    const double variance =
        count > 0 ? sum_of_squares / static_cast<double>(count) - mean * mean : 0.0;
    scale.mean.push_back(mean);
    scale.inverse_deviation.push_back(variance > 0.0 ? 1.0 / std::sqrt(variance) : 0.0);
  }
  return scale;
}

FieldIds EntityFields::Ids(const Field& field, std::span<const int64_t> entities,
                           bool hide_ids) const {
  FieldIds result;
  for (size_t i = 0; i < entities.size(); ++i) {
    const int64_t entity = entities[i];
    if (field.column == nullptr) {
      const bool hidden = hide_ids || entity == kUnknownEntity;
      result.ids.push_back(hidden ? 0 : id_rows_[static_cast<size_t>(entity)]);
      result.segment.push_back(static_cast<int64_t>(i));
      continue;
    }
    if (entity == kUnknownEntity) {
      if (field.kind == FeatureKind::kCategories) continue;
      result.ids.push_back(0);  // vocabulary index 0 = missing
      result.segment.push_back(static_cast<int64_t>(i));
      continue;
    }
    const auto [begin, end] = field.column->CategoriesOf(entity);
    for (const int32_t* category = begin; category != end; ++category) {
      result.ids.push_back(*category);
      result.segment.push_back(static_cast<int64_t>(i));
    }
  }
  return result;
}

std::vector<float> EntityFields::Numbers(const Field& field,
                                         std::span<const int64_t> entities) const {
  const Scale& scale = ScaleOf(field);
  std::vector<float> numbers;
  numbers.reserve(entities.size() * static_cast<size_t>(field.width));
  for (const int64_t entity : entities) {
    for (int64_t w = 0; w < field.width; ++w) {
      const auto i = static_cast<size_t>(w);
      const double value =
          entity == kUnknownEntity
              ? std::nan("")
              : field.column->numbers[static_cast<size_t>(entity * field.width + w)];
      const double standardised = (value - scale.mean[i]) * scale.inverse_deviation[i];
      numbers.push_back(std::isfinite(value) ? static_cast<float>(standardised) : 0.0f);
    }
  }
  return numbers;
}

std::vector<std::string> FeatureNames(const Dataset& dataset) {
  const bool by_item = &dataset.task_entities() == &dataset.items();
  std::vector<std::string> names;
  for (const FeatureColumn& column : dataset.task_entities().features) {
    names.push_back((by_item ? "item." : "user.") + column.name);
  }
  for (const FeatureColumn& column : dataset.event_entities().features) {
    names.push_back((by_item ? "user." : "item.") + column.name);
  }
  return names;
}

}  // namespace hearth
