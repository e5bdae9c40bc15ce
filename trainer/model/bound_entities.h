#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "storage/shard/feature_table.h"
#include "trainer/model/input_schema.h"

namespace hearth {

/// An entity nothing is known about, such as the owner of a support file. All its features are
/// missing, and its id field uses row 0. Every function of BoundEntities accepts it as an entity.
inline constexpr int64_t kUnknownEntity = -1;

/// The table rows of one categorical field for a list of entities: a ragged list.
struct FieldIds {
  std::vector<int64_t> ids;      ///< [id] rows of the field's table
  std::vector<int64_t> segment;  ///< [id] position of the entity in the list, ascending
};

/// Reports how much of a table of entities a model knows.
struct BindingReport {
  struct Field {
    std::string name;
    bool missing = false;     ///< the table has no such column: the field is missing everywhere
    int64_t value_count = 0;  ///< categories of the table's column
    int64_t known_count = 0;  ///< the categories that training has met
  };
  std::string side;  ///< "user" or "item"
  int64_t entity_count = 0;
  int64_t known_count = 0;                  ///< entities in the catalogue; row side only
  std::vector<Field> fields;                ///< side features, in the order of the schema
  std::vector<std::string> unused_columns;  ///< columns of the table that no field reads
};

/// Lets a model read a table of users or items. Columns of the table match the fields of a schema
/// by name; categories and ids match by their original text. New categories and new ids use table
/// row 0, the row of the unknown.
class BoundEntities {
 public:
  /// Binds the task side; it has no id field. `fields` must outlive this object.
  /// Throws DataError when a column is of another kind than the field of its name.
  BoundEntities(const std::string& side, const std::vector<FieldSchema>& fields,
                std::shared_ptr<const EntityTable> entities);
  /// Binds the row side; the catalogue gives the table rows of the id field.
  BoundEntities(const std::string& side, const std::vector<FieldSchema>& fields,
                const Catalogue& catalogue, std::shared_ptr<const EntityTable> entities);

  const std::vector<FieldSchema>& fields() const { return fields_; }
  const EntityTable& entities() const { return *entities_; }
  int64_t entity_count() const { return entities_->size(); }
  /// The entity's row in the id table; 0, the row of the unknown, when the entity has none.
  int64_t IdRowOf(int64_t entity) const { return id_rows_[entity]; }
  const BindingReport& report() const { return report_; }

  /// Table rows of field number `field`; the field must be categorical. `hide_ids`: the id field
  /// gives row 0 to every entity.
  FieldIds Ids(int64_t field, std::span<const int64_t> entities, bool hide_ids) const;
  /// Standardised numbers [entity, width] of a numeric field. A missing value is 0, the mean.
  std::vector<float> Numbers(int64_t field, std::span<const int64_t> entities) const;

 private:
  // The column of a field, and the table rows of the column's categories if its vocabulary differs
  // from the field's.
  struct Column {
    const FeatureColumn* data = nullptr;  // null: the id field, or a missing column
    std::vector<int64_t> row_of;          // [category of the column]; empty: equal vocabularies
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
