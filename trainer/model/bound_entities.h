#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "storage/shard/feature_table.h"
#include "trainer/model/input_schema.h"

namespace hearth {

/// An entity nothing is known about, such as the owner of a support file: missing in every feature,
/// the unknown row in the id field. Legal wherever BoundEntities takes an entity.
inline constexpr int64_t kUnknownEntity = -1;

/// The table rows of one categorical field for a list of entities, as a ragged list.
struct FieldIds {
  std::vector<int64_t> ids;      ///< [id] rows of the field's table
  std::vector<int64_t> segment;  ///< [id] position of the entity in the list, ascending
};

/// How much of a table of entities a model knows.
struct BindingReport {
  struct Field {
    std::string name;
    bool missing = false;     ///< the table has no such column: missing for every entity
    int64_t value_count = 0;  ///< categories of the table's column
    int64_t known_count = 0;  ///< those that training has met
  };
  std::string side;  ///< "user" or "item"
  int64_t entity_count = 0;
  int64_t known_count = 0;                  ///< catalogue items among them; row side only
  std::vector<Field> fields;                ///< side features, in the order of the schema
  std::vector<std::string> unused_columns;  ///< of the table, read by no field
};

/// A table of users or items as a model reads it: the columns of the table are matched with the
/// fields of a schema by name, categories and ids by their original text. New categories and new
/// ids use row 0, the row of the unknown.
class BoundEntities {
 public:
  /// The task side: no id field. `fields` must outlive this object.
  /// Throws DataError when a column is of another kind than the field of its name.
  BoundEntities(const std::string& side, const std::vector<FieldSchema>& fields,
                std::shared_ptr<const EntityTable> entities);
  /// The row side, with the catalogue that names the rows of the id field.
  BoundEntities(const std::string& side, const std::vector<FieldSchema>& fields,
                const Catalogue& catalogue, std::shared_ptr<const EntityTable> entities);

  const std::vector<FieldSchema>& fields() const { return fields_; }
  const EntityTable& entities() const { return *entities_; }
  int64_t entity_count() const { return entities_->size(); }
  /// The entity's row in the id table; 0, the row of the unknown, when it has none of its own.
  int64_t IdRowOf(int64_t entity) const { return id_rows_[entity]; }
  const BindingReport& report() const { return report_; }

  /// Table rows of field number `field`, which is categorical. `hide_ids`: the id field sends every
  /// entity to the unknown row.
  FieldIds Ids(int64_t field, std::span<const int64_t> entities, bool hide_ids) const;
  /// Standardised numbers [entity, width] of a numeric field; missing values are 0, the mean.
  std::vector<float> Numbers(int64_t field, std::span<const int64_t> entities) const;

 private:
  // A field's column and, where the column's categories are not the field's, their table rows.
  struct Column {
    const FeatureColumn* data = nullptr;  // null: the id field, or missing
    std::vector<int64_t> row_of;          // [category of the column]; empty: equal
  };
  void BindColumn(const FieldSchema& field);
  void BindIds(const Catalogue& catalogue);
  void NameUnusedColumns();

  const std::vector<FieldSchema>& fields_;
  std::shared_ptr<const EntityTable> entities_;
  std::vector<Column> columns_;   // [field]
  std::vector<int64_t> id_rows_;  // [entity]
  BindingReport report_;
};

}  // namespace hearth
