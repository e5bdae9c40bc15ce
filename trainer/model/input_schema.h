#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "storage/shard/dataset.h"
#include "trainer/model/model_options.h"

namespace hearth {

/// The kinds of input fields.
enum class FieldKind {
  kId,          ///< the item's own id: a table row for each item with enough training events
  kCategory,    ///< one category per entity: a table row for each category
  kCategories,  ///< any number of categories per entity
  kNumber,      ///< one number per entity
  kVector,      ///< a vector of fixed width per entity
};
std::string_view NameOf(FieldKind kind);  // "id", "category", "categories", "number", "vector"
FieldKind KindOf(FeatureKind kind);

/// One input field: a side feature, or the item's own id.
struct FieldSchema {
  std::string name;  ///< "user.age", "item.genre", "item.id"; table names and config use it
  FieldKind kind = FieldKind::kCategory;
  /// The number of table rows of a categorical field; row 0 is "missing or unknown". 0 for numbers.
  int64_t row_count = 0;
  /// The category of each table row [row_count], "" for row 0. For kCategory and kCategories.
  std::vector<std::string> vocabulary = {};
  /// The numbers of an entity enter as (x - mean) * inverse_deviation. For kNumber and kVector.
  std::vector<double> mean = {}, inverse_deviation = {};  ///< [width]

  bool is_categorical() const { return row_count > 0; }
  int64_t width() const { return std::ssize(mean); }
};

/// The items of the training data. A server needs nothing else to name, encode and rank them.
struct Catalogue {
  std::shared_ptr<const EntityTable> items;  ///< original ids, titles, features
  std::vector<int64_t> id_rows;              ///< [item] row in the id table; 0: the item has none
  std::vector<int64_t> event_counts;         ///< [item] training events
};

/// All that a base model knows of data, made once when training begins. Models, serving and export
/// take a schema; any data set can be bound to it by original ids (BoundEntities).
///
/// A task has the interactions of one user, and its rows name items. A data set may instead make
/// tasks by item: then the two sides are swapped, see Dataset::task_entities().
struct InputSchema {
  std::string task_side = "user", row_side = "item";
  std::vector<FieldSchema> task_fields, row_fields;
  Catalogue catalogue;      ///< entities of the row side
  int64_t event_count = 0;  ///< training events
  double label_mean = 0.0;  ///< over the training events
  /// Sampled rows of label 0 that training adds for each event (TaskOptions::negatives_are_rows).
  int64_t negative_rows = 0;
  float label_min = 0, label_max = 0;
  bool positive_only = false;  ///< every event is positive
  std::string data_name;       ///< DatasetManifest::name
  std::string data_hash;       ///< Dataset::Hash()

  /// The mean label of the rows that training sees, sampled rows included.
  double RowLabelMean() const { return label_mean / static_cast<double>(1 + negative_rows); }
};

/// Reads all training shards once for counts and scales.
/// `negative_rows`: InputSchema::negative_rows.
/// Throws ConfigError when model.features names a feature that the data set does not have, or when
/// its labels have no place for rows of label 0: they must be positive events or lie in [0, 1].
/// Throws DataError when the data set has no training events.
InputSchema MakeInputSchema(const Dataset& dataset, const ModelOptions& options,
                            int64_t negative_rows = 0);

}  // namespace hearth
