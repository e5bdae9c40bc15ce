#include "storage/shard/feature_table.h"

#include <array>

#include "common/error.h"

namespace hearth {

std::string_view NameOf(FeatureKind kind) {
  constexpr std::array<std::string_view, 4> kNames = {"category", "categories", "number", "vector"};
  return kNames[static_cast<size_t>(kind)];
}

std::pair<const int32_t*, const int32_t*> FeatureColumn::CategoriesOf(int64_t entity) const {
  switch (kind) {
    case FeatureKind::kCategory:
      return {categories.data() + entity, categories.data() + entity + 1};
    case FeatureKind::kCategories: {
      const size_t index = static_cast<size_t>(entity);
      return {categories.data() + offsets[index], categories.data() + offsets[index + 1]};
    }
    case FeatureKind::kNumber:
    case FeatureKind::kVector:
      return {nullptr, nullptr};
  }
  HEARTH_CHECK(false, "feature kind {}", static_cast<int>(kind));
}

const std::string& EntityTable::TitleOf(int64_t entity) const {
  const size_t index = static_cast<size_t>(entity);
  return titles.empty() || titles[index].empty() ? ids[index] : titles[index];
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
    index.emplace(table.ids[static_cast<size_t>(entity)], entity);
  }
  return index;
}

}  // namespace hearth
