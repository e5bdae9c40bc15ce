#include "storage/import/pipeline.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/error.h"
#include "common/hash.h"
#include "common/text.h"
#include "storage/import/event_cleaner.h"
#include "storage/import/event_reader.h"
#include "storage/import/event_record.h"
#include "storage/import/output_folder.h"
#include "storage/import/part_writer.h"
#include "storage/import/side_file.h"
#include "storage/import/split_plan.h"
#include "storage/import/text_input.h"
#include "storage/shard/dataset.h"
#include "storage/shard/describe.h"

namespace hearth {
namespace {

constexpr int64_t kMaxTasksPerShard = 1'000'000;

/// The users or the items of the log, between the passes. The survey gives new indexes to the
/// entities that still have events.
struct Side {
  std::vector<int64_t> counts;      // [first-pass index] remaining events
  std::vector<uint32_t> new_index;  // [first-pass index], valid if counts > 0
  SplitSide split;                  // [new index]
  std::vector<bool> in_train;       // [new index]
};

class Pipeline {
 public:
  Pipeline(const PipelineOptions& options, EventSource* source, BadRows* bad_rows)
      : options_(options),
        source_(source),
        bad_rows_(bad_rows),
        traits_(source->traits()),
        by_item_(options.task_by == "item"),
        split_kind_(ResolveSplit()),
        folder_(options.output, options.overwrite),
        spill_(folder_.temporary(), by_item_, options.tasks_per_shard),
        reader_(traits_, options.clean.missing, &spill_, bad_rows) {}

  ConvertReport Run() {
    ReadRows();
    Clean();
    DropBelowMinimum();
    Survey();
    const LabelTransformer transform(options_.clean, statistics_);
    AssignParts(transform);
    const EntityTables tables = ReadFeatures();
    WriteDataset(tables);
    folder_.Commit();
    return report_;
  }

 private:
  struct EntityTables {
    EntityTable users, items;
  };

  // The name of the log, for messages.
  std::string LogName() const {
    if (options_.input.empty()) return traits_.format;
    return fmt::format("'{}'", options_.input);
  }

  SplitKind ResolveSplit() const {
    SplitKind kind = options_.split.kind;
    if (kind == SplitKind::kAuto) {
      kind = traits_.has_parts ? SplitKind::kGiven : SplitKind::kRandom;
    }
    if (kind == SplitKind::kGiven && !traits_.has_parts) {
      throw DataError("--split given: {} brings no split; legal are random, time, none",
                      traits_.format);
    }
    if (kind != SplitKind::kTime) return kind;
    if (traits_.time == TimeMeaning::kNone) {
      throw DataError("--split time: {} has no times; use --split random", traits_.format);
    }
    if (traits_.time == TimeMeaning::kPosition) {
      throw DataError(
          "--split time: {} has positions for times, which do not compare between users; use "
          "--split random",
          traits_.format);
    }
    return kind;
  }

  void ReadRows() {
    source_->ReadEvents(&reader_);
    spill_.Flush();
    report_.format = traits_.format;
    report_.joined_lines = source_->joined_lines();
    report_.event_types = source_->event_types();
    report_.left_out_rows = source_->left_out_rows();
    report_.rows_read = reader_.rows() + bad_rows_->count() + report_.left_out_rows;
    if (options_.clean.missing == MissingRule::kDrop) {
      report_.missing_dropped = reader_.missing_count();
    } else {
      report_.missing_filled = reader_.missing_count();
    }
  }

  void Clean() {
    const float missing_label = reader_.MissingLabel();
    for (int64_t file = 0; file < spill_.file_count(); ++file) {
      std::vector<EventRecord> events = spill_.Load(file);
      for (EventRecord& event : events) {
        if (std::isnan(event.label)) event.label = missing_label;
        if (split_kind_ == SplitKind::kGiven) continue;
        event.split = Split::kTrain;  // the parts of the source, if it has any, count no more
        event.scenario = Scenario::kNonCold;
      }
      report_.duplicates += MergeDuplicates(options_.clean.duplicates, by_item_, LogName(),
                                            reader_.users(), reader_.items(), &events);
      spill_.Replace(file, events);
    }
    CountEvents();
  }

  void CountEvents() {
    users_.counts.assign(reader_.users().size(), 0);
    items_.counts.assign(reader_.items().size(), 0);
    for (int64_t file = 0; file < spill_.file_count(); ++file) {
      for (const EventRecord& event : spill_.Load(file)) {
        ++users_.counts[event.user];
        ++items_.counts[event.item];
      }
    }
  }

  void DropBelowMinimum() {
    const auto below = [this](const EventRecord& event) {
      return users_.counts[event.user] < options_.clean.min_user_events ||
             items_.counts[event.item] < options_.clean.min_item_events;
    };
    int64_t dropped = options_.clean.min_user_events > 1 || options_.clean.min_item_events > 1;
    while (dropped > 0) {
      dropped = 0;
      for (int64_t file = 0; file < spill_.file_count(); ++file) {
        std::vector<EventRecord> events = spill_.Load(file);
        const int64_t count = std::erase_if(events, below);
        if (count > 0) spill_.Replace(file, events);
        dropped += count;
      }
      report_.below_minimum += dropped;
      if (dropped > 0) CountEvents();
    }
  }

  void Survey() {
    Renumber(reader_.users(), &users_);
    Renumber(reader_.items(), &items_);
    for (int64_t file = 0; file < spill_.file_count(); ++file) {
      for (const EventRecord& event : spill_.Load(file)) {
        statistics_.Add(event.label);
        UpdateFirstTime(event.time, users_.new_index[event.user], &users_);
        UpdateFirstTime(event.time, items_.new_index[event.item], &items_);
      }
    }
    if (statistics_.count() == 0) {
      throw DataError(
          "no event is left of {}: {} rows read, {} skipped, {} left out, {} without a label, {} "
          "below the minimum counts",
          LogName(), report_.rows_read, bad_rows_->count(), report_.left_out_rows,
          report_.missing_dropped, report_.below_minimum);
    }
  }

  static void Renumber(const Vocabulary& vocabulary, Side* side) {
    side->new_index.assign(side->counts.size(), 0);
    for (size_t old = 0; old < side->counts.size(); ++old) {
      if (side->counts[old] == 0) continue;
      side->new_index[old] = static_cast<uint32_t>(side->split.ids.size());
      side->split.ids.push_back(vocabulary[old]);
    }
    side->split.first_times.assign(side->split.ids.size(), std::numeric_limits<int64_t>::max());
    side->in_train.assign(side->split.ids.size(), false);
  }

  static void UpdateFirstTime(int64_t time, uint32_t index, Side* side) {
    side->split.first_times[index] = std::min(side->split.first_times[index], time);
  }

  void AssignParts(const LabelTransformer& transform) {
    SplitOptions split = options_.split;
    split.kind = split_kind_;
    const bool planned = split_kind_ == SplitKind::kRandom || split_kind_ == SplitKind::kTime;
    std::optional<SplitPlan> plan;
    if (planned) plan.emplace(split, users_.split, items_.split, by_item_);
    for (int64_t file = 0; file < spill_.file_count(); ++file) {
      std::vector<EventRecord> events = spill_.Load(file);
      for (EventRecord& event : events) {
        event.user = users_.new_index[event.user];
        event.item = items_.new_index[event.item];
        event.label = transform(event.label);
      }
      if (planned) {
        ForEachTask(&events, [&plan](std::span<EventRecord> task) { plan->Assign(task); });
      }
      MarkTraining(events);
      spill_.Replace(file, events);
    }
    if (split_kind_ == SplitKind::kGiven && !traits_.has_validation_part) {
      validation_users_ = ChooseUsers(users_.split.ids, users_.in_train,
                                      options_.split.validation_fraction, options_.split.seed);
    }
  }

  void MarkTraining(const std::vector<EventRecord>& events) {
    for (const EventRecord& event : events) {
      if (event.split != Split::kTrain) continue;
      users_.in_train[event.user] = true;
      items_.in_train[event.item] = true;
    }
  }

  template <typename Function>
  void ForEachTask(std::vector<EventRecord>* events, Function function) const {
    const std::span<EventRecord> all(*events);
    for (size_t begin = 0; begin < all.size();) {
      size_t end = begin + 1;
      while (end < all.size() && spill_.TaskOf(all[end]) == spill_.TaskOf(all[begin])) ++end;
      function(all.subspan(begin, end - begin));
      begin = end;
    }
  }

  static Scenario ScenarioOf(bool new_user, bool new_item) {
    if (new_user && new_item) return Scenario::kBothCold;
    if (new_user) return Scenario::kUserCold;
    if (new_item) return Scenario::kItemCold;
    return Scenario::kNonCold;
  }

  /// Sets the final part of an event. in_train of both sides must be complete.
  void FinishPart(EventRecord* event) const {
    if (split_kind_ == SplitKind::kGiven) {
      if (event->split == Split::kTrain && !validation_users_.empty() &&
          validation_users_[event->user]) {
        event->split = Split::kValidation;
        event->scenario = Scenario::kUserCold;
      }
      if (!traits_.scenarios_follow) return;
    }
    if (event->split == Split::kTrain) return;
    event->scenario = ScenarioOf(!users_.in_train[event->user], !items_.in_train[event->item]);
  }

  EntityTables ReadFeatures() {
    EntityBuilder users(users_.split.ids, /*add_unseen=*/false, bad_rows_);
    EntityBuilder items(items_.split.ids, options_.keep_unseen_items, bad_rows_);
    source_->ReadFeatures(&users, &items);
    report_.notes = source_->notes();
    RequireKindsUsed(options_.column_kinds, {&users, &items});
    for (const EntityBuilder* builder : {&users, &items}) {
      for (const SideFileMatch& file : builder->files()) {
        if (!file.path.empty()) report_.side_files.push_back(file);
      }
    }
    return {users.Build(), items.Build()};
  }

  void WriteDataset(const EntityTables& tables) {
    DatasetManifest manifest;
    manifest.shards = WriteShards(tables, &manifest);
    manifest.facts = source_->Facts();
    manifest.name = options_.name;
    manifest.task_by = options_.task_by;
    manifest.has_time = traits_.time != TimeMeaning::kNone;
    manifest.has_roles = HasRoles();
    manifest.user_count = tables.users.size();
    manifest.item_count = tables.items.size();
    manifest.event_count = statistics_.count();
    manifest.source = SourceJson();
    const std::string& folder = folder_.path();
    manifest.users_sha256 = WriteEntities(folder + "/" + manifest.users_file, tables.users);
    manifest.items_sha256 = WriteEntities(folder + "/" + manifest.items_file, tables.items);
    report_.user_features = DescribeFeatures(tables.users);
    report_.item_features = DescribeFeatures(tables.items);
    FillReport(manifest);
    WriteManifest(folder, manifest);
  }

  bool HasRoles() const { return traits_.has_roles && split_kind_ == SplitKind::kGiven; }

  std::vector<ShardEntry> WriteShards(const EntityTables& tables, DatasetManifest* manifest) {
    PartWriter writer({.folder = folder_.path(),
                       .task_by = options_.task_by,
                       .by_item = by_item_,
                       .has_time = traits_.time != TimeMeaning::kNone,
                       .has_roles = HasRoles(),
                       .tasks_per_shard = options_.tasks_per_shard},
                      [this, &tables](Part part, const ShardContent& content) {
                        source_->OnShardWritten(part, content, tables.users, tables.items);
                      });
    LabelStatistics labels;
    for (int64_t file = 0; file < spill_.file_count(); ++file) {
      std::vector<EventRecord> events = spill_.Load(file);
      for (EventRecord& event : events) {
        FinishPart(&event);
        labels.Add(event.label);
      }
      ForEachTask(&events, [this, &writer](std::span<EventRecord> task) {
        writer.Add(spill_.TaskOf(task.front()), task);
      });
    }
    manifest->label_min = labels.min();
    manifest->label_max = labels.max();
    const bool are_ones = labels.min() == 1.0F && labels.max() == 1.0F;
    const bool are_strengths = traits_.positive_events && labels.min() > 0.0F &&
                               options_.clean.label_transform == LabelTransform::kRaw;
    manifest->positive_only = are_ones || are_strengths;
    return writer.Finish();
  }

  std::string SourceJson() const {
    nlohmann::json source = nlohmann::json::parse(options_.source_json);
    source["format"] = traits_.format;
    for (const std::string& input : traits_.inputs) {
      // The folder of the file is left out: a data set must not depend on the place of its input.
      nlohmann::json entry = {{"file", std::filesystem::path(input).filename().string()}};
      if (!IsReadOnce(input)) entry["sha256"] = Sha256OfFile(input);
      source["inputs"].push_back(entry);
    }
    const CleanOptions& clean = options_.clean;
    source["clean"] = {{"duplicates", NameOf(clean.duplicates)},
                       {"missing", NameOf(clean.missing)},
                       {"label_transform", NameOf(clean.label_transform)},
                       {"min_user_events", clean.min_user_events},
                       {"min_item_events", clean.min_item_events}};
    if (clean.label_transform == LabelTransform::kThreshold) {
      source["clean"]["label_threshold"] = clean.label_threshold;
    }
    for (const EventType& type : report_.event_types) {
      source["event_types"][type.name] = {{"weight", type.weight}, {"rows", type.count}};
    }
    source["time"] = traits_.time == TimeMeaning::kPosition ? "position" : "seconds";
    source["split"] = SplitJson();
    return source.dump();
  }

  nlohmann::json SplitJson() const {
    const SplitOptions& split = options_.split;
    nlohmann::json json = {{"kind", NameOf(split_kind_)}};
    if (split_kind_ == SplitKind::kRandom || split_kind_ == SplitKind::kTime) {
      json.update({{"seed", split.seed},
                   {"validation_users", split.validation_users},
                   {"test_users", split.test_users},
                   {"validation_items", split.validation_items},
                   {"test_items", split.test_items},
                   {"validation_events", split.validation_events},
                   {"test_events", split.test_events}});
    } else if (!validation_users_.empty()) {
      json.update({{"seed", split.seed}, {"validation_fraction", split.validation_fraction}});
    }
    return json;
  }

  void FillReport(const DatasetManifest& manifest) {
    namespace fs = std::filesystem;
    report_.rows_skipped = bad_rows_->count();
    report_.users = manifest.user_count;
    report_.items = manifest.item_count;
    report_.events = manifest.event_count;
    report_.has_time = manifest.has_time;
    report_.positive_only = manifest.positive_only;
    report_.label_min = manifest.label_min;
    report_.label_max = manifest.label_max;
    for (const ShardEntry& shard : manifest.shards) {
      if (report_.parts.empty() || report_.parts.back().part != shard.part) {
        report_.parts.push_back({shard.part, 0, 0, 0});
      }
      PartCount& part = report_.parts.back();
      part.tasks += shard.task_count;
      part.events += shard.event_count;
      ++part.shards;
      report_.size_bytes += shard.size_bytes;
    }
    for (const std::string& file : {manifest.users_file, manifest.items_file}) {
      report_.size_bytes += fs::file_size(fs::path(folder_.path()) / file);
    }
  }

  const PipelineOptions& options_;
  EventSource* source_;
  BadRows* bad_rows_;
  SourceTraits traits_;
  bool by_item_;
  SplitKind split_kind_;
  OutputFolder folder_;
  SpillStore spill_;
  EventReader reader_;
  LabelStatistics statistics_;
  Side users_, items_;
  std::vector<bool> validation_users_;  // [user] true: moved from training to validation; or empty
  ConvertReport report_;
};

void CheckOptions(const PipelineOptions& options) {
  if (options.tasks_per_shard < 1 || options.tasks_per_shard > kMaxTasksPerShard) {
    throw UsageError("tasks_per_shard is {}; it must be in [1, {}]", options.tasks_per_shard,
                     kMaxTasksPerShard);
  }
  if (options.clean.min_user_events < 1 || options.clean.min_item_events < 1) {
    throw UsageError("minimum events per user {} and per item {} must be >= 1",
                     options.clean.min_user_events, options.clean.min_item_events);
  }
  if (options.clean.max_bad < 0)
    throw UsageError("max_bad is {}; it must be >= 0", options.clean.max_bad);
  CheckSplitOptions(options.split);
}

}  // namespace

ConvertReport RunPipeline(const PipelineOptions& options, EventSource* source, BadRows* bad_rows) {
  CheckOptions(options);
  return Pipeline(options, source, bad_rows).Run();
}

}  // namespace hearth
