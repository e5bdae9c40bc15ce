#pragma once

#include <memory>

#include "trainer/model/bound_entities.h"
#include "trainer/model/chunk_batch.h"
#include "trainer/model/input_schema.h"

namespace hearth {

/// Two tables of entities bound to a schema, and the builder of batches from them.
class DataBinding {
 public:
  /// The entities of a data set; any data set, its tasks formed by the same side as those of the
  /// training data. The schema must outlive the binding.
  /// Throws DataError when a column is of another kind than in training or when the data set forms
  /// its tasks by the other side.
  DataBinding(const InputSchema& schema, const Dataset& dataset, at::TensorOptions options);
  /// Any two tables: the owners of tasks and the items of rows.
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
