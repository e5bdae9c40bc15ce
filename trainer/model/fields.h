#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "storage/shard/dataset.h"
#include "trainer/model/model_options.h"
#include "trainer/model/training_statistics.h"

namespace hearth {

/// One input field of a model: a side feature, or the item's own id.
struct Field {
  std::string name;  ///< "user.age", "item.genre", "item.id"; table names and config use it
  FeatureKind kind = FeatureKind::kCategory;
  const FeatureColumn* column = nullptr;  ///< null: the id field
  int64_t vocabulary_size = 0;  ///< rows of its embedding table; 0 for kNumber and kVector
  int64_t width = 0;            ///< numbers per entity; 0 for category kinds

  bool is_categorical() const { return vocabulary_size > 0; }
};

/// An entity nothing is known about, such as the owner of a support file: missing in every feature,
/// the unknown row in the id field. Legal wherever EntityFields takes an entity.
inline constexpr int64_t kUnknownEntity = -1;

/// The embedding rows of one categorical field for a list of entities, as a ragged list.
struct FieldIds {
  std::vector<int64_t> ids;      ///< [id] rows of the field's table
  std::vector<int64_t> segment;  ///< [id] position of the entity in the list, ascending
};

/// The fields of one side (the task's owner, or the rows' items) of a data set.
/// Keeps pointers into the data set's EntityTable: the data set must outlive it.
class EntityFields {
 public:
  /// `prefix`: "user" or "item". `wanted`: names from ModelOptions::features; empty = all.
  EntityFields(const EntityTable& entities, const std::string& prefix,
               std::span<const std::string> wanted);

  /// Adds the id field. An entity with fewer than `min_events` training events uses row 0, the row
  /// of the unknown; the others have a row of their own. event_counts: [entity].
  void AddIdField(std::span<const int64_t> event_counts, int64_t min_events);

  const std::vector<Field>& fields() const { return fields_; }
  int64_t entity_count() const { return entity_count_; }
  /// The entity's row in the id table; 0, the row of the unknown, when it has none of its own.
  int64_t IdRowOf(int64_t entity) const { return id_rows_[static_cast<size_t>(entity)]; }

  /// Rows of a categorical field. `hide_ids`: the id field sends every entity to the unknown row.
  FieldIds Ids(const Field& field, std::span<const int64_t> entities, bool hide_ids) const;
  /// Standardised numbers [entity, width] of a numeric field; missing values are 0, the mean.
  std::vector<float> Numbers(const Field& field, std::span<const int64_t> entities) const;
  /// What Numbers takes from and multiplies with the numbers of a field, one of fields().
  struct Scale {
    std::vector<double> mean, inverse_deviation;  ///< [width]
  };
  const Scale& ScaleOf(const Field& field) const {
    return scales_[static_cast<size_t>(&field - fields_.data())];
  }

 private:
  Scale MeasureScale(const FeatureColumn& column) const;

  std::string prefix_;
  int64_t entity_count_ = 0;
  std::vector<Field> fields_;
  std::vector<Scale> scales_;     // [field], empty for category kinds
  std::vector<int64_t> id_rows_;  // [entity] row in the id table, 0 = unknown
};

/// Names of all features of a data set as ModelOptions::features spells them.
std::vector<std::string> FeatureNames(const Dataset& dataset);

}  // namespace hearth
