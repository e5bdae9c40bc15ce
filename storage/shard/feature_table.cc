#include "storage/shard/feature_table.h"

#include <array>

#include "common/error.h"

namespace hearth {

std::string_view NameOf(FeatureKind kind) {
  constexpr std::array<std::string_view, 4> kNames = {"category", "categories", "number", "vector"};
  return kNames[KindNumber(kind)];
}

std::pair<const int32_t*, const int32_t*> FeatureColumn::CategoriesOf(int64_t entity) const {
  switch (kind) {
    case FeatureKind::kCategory:
      return {categories.data() + entity, categories.data() + entity + 1};
    case FeatureKind::kCategories:
      return {categories.data() + offsets[entity], categories.data() + offsets[entity + 1]};
    case FeatureKind::kNumber:
    case FeatureKind::kVector:
      return {nullptr, nullptr};
  }
  HEARTH_CHECK(false, "feature kind {}", KindNumber(kind));
}

const std::string& EntityTable::TitleOf(int64_t entity) const {
  const bool has_title = !titles.empty() && !titles[entity].empty();
  return has_title ? titles[entity] : ids[entity];
}

const FeatureColumn* EntityTable::FindFeature(std::string_view name) const {
  for (const FeatureColumn& feature : features) {
    if (feature.name == name) return &feature;
  }
  return nullptr;
}

IdIndex BuildIdIndex(const EntityTable& table) {
  IdIndex index;
  index.reserve(table.ids.size());
  for (int64_t entity = 0; entity < table.size(); ++entity) {
    index.emplace(table.ids[entity], entity);
  }
  return index;
}

}  // namespace hearth
