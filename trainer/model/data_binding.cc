#include "trainer/model/data_binding.h"

#include <utility>

#include "common/error.h"

namespace hearth {
namespace {

// The side that forms the tasks of a data set: "user" or "item", see InputSchema::task_side.
std::string TaskSideOf(const DatasetManifest& manifest) {
  if (manifest.task_by == "item") return "item";
  return "user";
}

const Dataset& RequireSameSides(const InputSchema& schema, const Dataset& dataset) {
  const std::string side = TaskSideOf(dataset.manifest());
  if (side != schema.task_side) {
    throw DataError("data set '{}' forms its tasks by {}, but the model was trained on tasks by {}",
                    dataset.path(), side, schema.task_side);
  }
  return dataset;
}

}  // namespace

DataBinding::DataBinding(const InputSchema& schema, const Dataset& dataset,
                         at::TensorOptions options)
    : DataBinding(schema, RequireSameSides(schema, dataset).shared_task_entities(),
                  dataset.shared_event_entities(), options) {}

DataBinding::DataBinding(const InputSchema& schema, std::shared_ptr<const EntityTable> tasks,
                         std::shared_ptr<const EntityTable> items, at::TensorOptions options)
    : tasks_(schema.task_side, schema.task_fields, std::move(tasks)),
      items_(schema.row_side, schema.row_fields, schema.catalogue, std::move(items)),
      builder_(tasks_, items_, options) {}

}  // namespace hearth
