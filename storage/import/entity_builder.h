#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "storage/import/bad_rows.h"
#include "storage/import/vocabulary.h"
#include "storage/shard/feature_table.h"

namespace hearth {

/// Collects titles and side features of users or items whose ids are known, from side files that
/// come in any order. Ids without an event are passed over, or added behind the known ones.
class EntityBuilder {
 public:
  /// `ids`: the entities with events. `bad_rows` outlives the builder.
  EntityBuilder(const std::vector<std::string>& ids, bool add_unseen, BadRows* bad_rows);

  /// Starts a side file: within one file an id may be defined once.
  void BeginFile() { defined_.clear(); }
  /// Index of the entity a row defines; -1 when the row is passed over (no event) or rejected
  /// (defined twice in this file).
  int64_t Define(std::string_view id, std::string_view column, const RowPlace& place);

  /// A feature by its name, made on first use. A kCategories feature of which no entity holds more
  /// than one category, declared with `collapse`, becomes a kCategory in the table.
  size_t Feature(std::string_view name, FeatureKind kind, bool collapse = false);

  void SetTitle(int64_t entity, std::string_view title);
  /// kCategory: replaces; kCategories: adds, each category once. Empty text: missing, no effect.
  void AddCategory(size_t feature, int64_t entity, std::string_view category);
  /// kNumber.
  void SetNumber(size_t feature, int64_t entity, float number);
  /// kVector. Rejects the row when its width is not that of the first vector; false then.
  bool SetVector(size_t feature, int64_t entity, const std::vector<float>& vector,
                 const RowPlace& place);

  /// The finished table. Features that hold nothing are left out. Ends the builder.
  EntityTable Build();

 private:
  struct Column {
    std::string name;
    FeatureKind kind;
    bool collapse;
    Vocabulary vocabulary;                             // [0] is ""
    std::vector<std::pair<int64_t, int32_t>> entries;  // (entity, category), in order of arrival
    std::vector<std::pair<int64_t, float>> numbers;    // kNumber
    std::vector<std::pair<int64_t, std::vector<float>>> vectors;
  };

  FeatureColumn Finish(Column* column) const;
  void FinishCategories(Column* column, FeatureColumn* feature) const;

  bool add_unseen_;
  BadRows* bad_rows_;
  Vocabulary ids_;
  std::vector<bool> defined_;  // [entity] in the current side file
  std::vector<std::string> titles_;
  std::vector<Column> columns_;
};

}  // namespace hearth
