#include <algorithm>
#include <filesystem>
#include <utility>

#include <nlohmann/json.hpp>

#include "common/error.h"
#include "storage/import/event_source.h"
#include "storage/import/pipeline.h"
#include "storage/import/split.h"
#include "storage/shard/dataset.h"

namespace hearth {
namespace {

void CopyEntities(const EntityTable& from, EntityBuilder* to) {
  std::vector<size_t> features;
  for (const FeatureColumn& column : from.features) {
    features.push_back(to->Feature(column.name, column.kind));
  }
  to->BeginFile("");
  for (int64_t old = 0; old < from.size(); ++old) {
    const int64_t entity = to->Define(from.ids[old], "id", {"", 0});
    if (entity < 0) continue;
    if (!from.titles.empty()) to->SetTitle(entity, from.titles[old]);
    for (size_t i = 0; i < from.features.size(); ++i) {
      const FeatureColumn& column = from.features[i];
      const auto [begin, end] = column.CategoriesOf(old);
      for (const int32_t* category = begin; category != end; ++category) {
        to->AddCategory(features[i], entity, column.vocabulary[*category]);
      }
      if (column.kind == FeatureKind::kNumber) {
        to->SetNumber(features[i], entity, column.numbers[old]);
      } else if (column.kind == FeatureKind::kVector) {
        const auto vector = column.numbers.begin() + old * column.width;
        to->SetVector(features[i], entity, {vector, vector + column.width}, {"", 0});
      }
    }
  }
}

/// DatasetManifest::source as a JSON object; empty if the manifest has none.
nlohmann::json SourceOf(const DatasetManifest& manifest) {
  if (manifest.source.empty()) return nlohmann::json::object();
  return nlohmann::json::parse(manifest.source);
}

/// The events of a data set.
class DatasetSource : public EventSource {
 public:
  explicit DatasetSource(const std::string& folder)
      : dataset_({.path = folder, .read = ReadMode::kMmap, .verify = false}) {}

  const DatasetManifest& manifest() const { return dataset_.manifest(); }

  SourceTraits traits() const override {
    SourceTraits traits;
    traits.format = "dataset " + manifest().name;
    traits.positive_events = manifest().positive_only;
    if (manifest().has_time) {
      const bool positions = SourceOf(manifest()).value("time", "seconds") == "position";
      traits.time = positions ? TimeMeaning::kPosition : TimeMeaning::kSeconds;
    }
    traits.inputs = {dataset_.path() + "/manifest.json"};
    return traits;
  }

  void ReadEvents(EventSink* sink) override {
    const bool by_item = manifest().task_by == "item";
    const EntityTable& tasks = dataset_.task_entities();
    const EntityTable& others = dataset_.event_entities();
    for (int64_t i = 0; i < std::ssize(manifest().shards); ++i) {
      const ShardReader& shard = dataset_.Shard(i);
      const RowPlace place{shard.path(), 0};
      for (int64_t t = 0; t < shard.task_count(); ++t) {
        const TaskView task = shard.task(t);
        for (size_t j = 0; j < task.items.size(); ++j) {
          RawEvent event;
          event.user = tasks.ids[task.id];
          event.item = others.ids[task.items[j]];
          if (by_item) std::swap(event.user, event.item);
          event.label = task.labels[j];
          if (!task.times.empty()) event.time = task.times[j];
          sink->Add(event, place);
        }
      }
    }
  }

  void ReadFeatures(EntityBuilder* users, EntityBuilder* items) override {
    CopyEntities(dataset_.users(), users);
    CopyEntities(dataset_.items(), items);
  }

 private:
  Dataset dataset_;
};

}  // namespace

ConvertReport SplitDataset(const std::string& input, const std::string& output,
                           const SplitOptions& options, bool overwrite) {
  if (options.kind == SplitKind::kGiven) {
    throw UsageError(
        "a data set cannot be split anew by --split given; legal are random, time, "
        "none");
  }
  std::error_code ignored;
  if (std::filesystem::equivalent(input, output, ignored)) {
    throw UsageError("input and output are the same folder {}; choose another output", input);
  }
  DatasetSource source(input);
  PipelineOptions pipeline;
  pipeline.output = output;
  pipeline.overwrite = overwrite;
  pipeline.name = source.manifest().name;
  pipeline.task_by = source.manifest().task_by;
  for (const ShardEntry& shard : source.manifest().shards) {
    pipeline.tasks_per_shard = std::max(pipeline.tasks_per_shard, shard.task_count);
  }
  pipeline.keep_unseen_items = true;
  pipeline.split = options;
  pipeline.clean.duplicates =
      DuplicateRule::kKeep;  // the first conversion kept the rest on purpose
  nlohmann::json origin = {{"importer", "dataset"}};
  const std::string& before = source.manifest().source;
  if (!before.empty()) origin["before"] = nlohmann::json::parse(before);
  pipeline.source_json = origin.dump();
  BadRows bad_rows(BadRowRule::kRefuse, 0);
  return RunPipeline(pipeline, &source, &bad_rows);
}

}  // namespace hearth
