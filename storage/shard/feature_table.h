#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace hearth {

/// Kind of a feature. Files store the numbers: never change one.
enum class FeatureKind : uint8_t {
  kCategory = 0,    ///< one category per entity
  kCategories = 1,  ///< any number of categories per entity (genres, actors)
  kNumber = 2,      ///< one float32 per entity, NaN = missing
  kVector = 3,      ///< a dense float32 vector of fixed width per entity
};
constexpr int64_t KindNumber(FeatureKind kind) { return static_cast<int64_t>(kind); }  // in files
std::string_view NameOf(FeatureKind kind);  // "category", "categories", "number", "vector"

/// One feature of all entities of a table, stored as a column.
struct FeatureColumn {
  std::string name;
  FeatureKind kind = FeatureKind::kCategory;

  /// Category names; index 0 is always "" = missing or unknown. Empty for kNumber and kVector.
  std::vector<std::string> vocabulary;
  /// kCategory: [entity], index into vocabulary. kCategories: CSR values.
  std::vector<int32_t> categories;
  /// kCategories only: [entity + 1].
  std::vector<int64_t> offsets;
  /// kNumber: [entity]. kVector: [entity * width], row-major.
  std::vector<float> numbers;
  int64_t width = 1;  ///< kVector: numbers per entity

  /// The categories of one entity (kCategory: exactly one; kCategories: 0..n; else empty).
  /// `entity` in [0, entity_count).
  std::pair<const int32_t*, const int32_t*> CategoriesOf(int64_t entity) const;
};

/// Everything known about the users or the items of a data set, except their events: original ids,
/// titles and features. The index 0..size()-1 identifies an entity; shards store this index. The
/// table is held in memory and has one entry per user or item.
struct EntityTable {
  std::vector<std::string> ids;     ///< [entity] original ids, unique
  std::vector<std::string> titles;  ///< [entity] or empty; display names
  std::vector<FeatureColumn> features;

  int64_t size() const { return std::ssize(ids); }
  /// The title of an entity, or its id when there is none.
  const std::string& TitleOf(int64_t entity) const;
  /// Null when there is no such feature.
  const FeatureColumn* FindFeature(std::string_view name) const;
};

/// Original id -> index. Built on demand from EntityTable::ids.
using IdIndex = std::unordered_map<std::string, int64_t>;
IdIndex BuildIdIndex(const EntityTable& table);

}  // namespace hearth
