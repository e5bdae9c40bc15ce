#include "trainer/model/input_schema.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "common/error.h"
#include "common/text.h"

namespace hearth {
namespace {

void CheckFeatureNames(const ModelOptions& options, const InputSchema& schema,
                       const Dataset& dataset) {
  std::vector<std::string> names;
  for (const FeatureColumn& column : dataset.task_entities().features) {
    names.push_back(schema.task_side + "." + column.name);
  }
  for (const FeatureColumn& column : dataset.event_entities().features) {
    names.push_back(schema.row_side + "." + column.name);
  }
  for (const std::string& wanted : options.features) {
    if (std::ranges::find(names, wanted) != names.end()) continue;
    throw ConfigError("model.features names '{}'{}, which data set '{}' does not have; it has: {}",
                      wanted, DidYouMean(wanted, names), dataset.path(), Join(names, ", "));
  }
}

void MeasureScale(const FeatureColumn& column, int64_t entity_count, FieldSchema& field) {
  for (int64_t w = 0; w < column.width; ++w) {
    double sum = 0.0, sum_of_squares = 0.0, count = 0.0;
    for (int64_t entity = 0; entity < entity_count; ++entity) {
      const double value = column.numbers[entity * column.width + w];
      if (!std::isfinite(value)) continue;
      sum += value;
      sum_of_squares += value * value;
      count += 1.0;
    }
    double mean = 0.0, variance = 0.0;
    if (count > 0.0) {
      mean = sum / count;
      variance = sum_of_squares / count - mean * mean;
    }
    field.mean.push_back(mean);
    field.inverse_deviation.push_back(variance > 0.0 ? 1.0 / std::sqrt(variance) : 0.0);
  }
}

std::vector<FieldSchema> FieldsOf(const EntityTable& entities, const std::string& side,
                                  const std::vector<std::string>& wanted) {
  std::vector<FieldSchema> fields;
  for (const FeatureColumn& column : entities.features) {
    FieldSchema field{.name = side + "." + column.name, .kind = KindOf(column.kind)};
    if (!wanted.empty() && std::ranges::find(wanted, field.name) == wanted.end()) continue;
    if (field.kind == FieldKind::kCategory || field.kind == FieldKind::kCategories) {
      field.vocabulary = column.vocabulary;
      field.row_count = std::ssize(field.vocabulary);
    } else {
      MeasureScale(column, entities.size(), field);
    }
    fields.push_back(std::move(field));
  }
  return fields;
}

void CountTrainingEvents(const Dataset& dataset, InputSchema& schema) {
  schema.catalogue.event_counts.resize(dataset.event_entities().size());
  double label_sum = 0.0;
  for (const int64_t shard_index : dataset.ShardsOf(kTrainPart)) {
    const ShardReader& shard = dataset.Shard(shard_index);
    for (int64_t t = 0; t < shard.task_count(); ++t) {
      const TaskView task = shard.task(t);
      for (const uint32_t item : task.items) ++schema.catalogue.event_counts[item];
      for (const float label : task.labels) label_sum += label;
      schema.event_count += task.size();
    }
  }
  if (schema.event_count == 0) {
    throw DataError(
        "data set '{}' has no training events: its training part is empty; "
        "see 'hearth data describe'",
        dataset.path());
  }
  schema.label_mean = label_sum / static_cast<double>(schema.event_count);
}

// A sampled item is an event that did not happen. On a scale of ratings no label says that: 0 would
// be a rating below the worst one.
void CheckNegativeRows(int64_t negative_rows, const DatasetManifest& manifest) {
  if (negative_rows == 0 || manifest.positive_only) return;
  if (manifest.label_min >= 0.0f && manifest.label_max <= 1.0f) return;
  throw ConfigError(
      "tasks.negatives={} adds rows of label 0, but the labels of '{}' are in [{}, {}]: a rating "
      "of 0 would say more than that there was no event; set tasks.negatives=0, or convert with "
      "--label threshold --threshold X",
      negative_rows, manifest.name, manifest.label_min, manifest.label_max);
}

// Items with at least `min_events` training events get a table row of their own.
void AddIdField(int64_t min_events, InputSchema& schema) {
  Catalogue& catalogue = schema.catalogue;
  int64_t next_row = 1;
  for (size_t item = 0; item < catalogue.event_counts.size(); ++item) {
    if (catalogue.event_counts[item] >= min_events) catalogue.id_rows[item] = next_row++;
  }
  schema.row_fields.push_back(
      {.name = schema.row_side + ".id", .kind = FieldKind::kId, .row_count = next_row});
}

}  // namespace

std::string_view NameOf(FieldKind kind) {
  constexpr std::array<std::string_view, 5> kNames = {"id", "category", "categories", "number",
                                                      "vector"};
  return kNames[static_cast<size_t>(kind)];
}

FieldKind KindOf(FeatureKind kind) {
  switch (kind) {
    case FeatureKind::kCategory:
      return FieldKind::kCategory;
    case FeatureKind::kCategories:
      return FieldKind::kCategories;
    case FeatureKind::kNumber:
      return FieldKind::kNumber;
    case FeatureKind::kVector:
      break;
  }
  return FieldKind::kVector;
}

InputSchema MakeInputSchema(const Dataset& dataset, const ModelOptions& options,
                            int64_t negative_rows) {
  const DatasetManifest& manifest = dataset.manifest();
  CheckNegativeRows(negative_rows, manifest);
  InputSchema schema;
  schema.negative_rows = negative_rows;
  if (manifest.task_by == "item") std::swap(schema.task_side, schema.row_side);
  CheckFeatureNames(options, schema, dataset);
  schema.task_fields = FieldsOf(dataset.task_entities(), schema.task_side, options.features);
  schema.row_fields = FieldsOf(dataset.event_entities(), schema.row_side, options.features);
  schema.catalogue.items = dataset.shared_event_entities();
  CountTrainingEvents(dataset, schema);
  schema.catalogue.id_rows.assign(schema.catalogue.event_counts.size(), 0);
  if (options.item_id) AddIdField(options.min_item_events, schema);
  schema.label_min = manifest.label_min;
  schema.label_max = manifest.label_max;
  schema.positive_only = manifest.positive_only;
  schema.data_name = manifest.name;
  schema.data_hash = dataset.Hash();
  return schema;
}

}  // namespace hearth
