#pragma once

#include <memory>

#include "trainer/model/bound_entities.h"
#include "trainer/model/chunk_batch.h"
#include "trainer/model/input_schema.h"

namespace hearth {

/// Binds two tables of entities to a schema, and holds the builder of batches from them.
class DataBinding {
 public:
  /// Binds the entities of any data set that forms its tasks by the same side as the training data.
  /// The schema must outlive the binding.
  /// Throws DataError when a column is of another kind than in training or when the data set forms
  /// its tasks by the other side.
  DataBinding(const InputSchema& schema, const Dataset& dataset, at::TensorOptions options);
  /// Binds any two tables: the owners of tasks and the items of rows.
  DataBinding(const InputSchema& schema, std::shared_ptr<const EntityTable> tasks,
              std::shared_ptr<const EntityTable> items, at::TensorOptions options);
  DataBinding(const DataBinding&) = delete;
  DataBinding& operator=(const DataBinding&) = delete;

  const BoundEntities& tasks() const { return tasks_; }
  const BoundEntities& items() const { return items_; }
  const BatchBuilder& builder() const { return builder_; }

 private:
  BoundEntities tasks_, items_;
  BatchBuilder builder_;
};

}  // namespace hearth
