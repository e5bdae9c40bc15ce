#include "storage/shard/validate.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <tuple>
#include <unordered_set>
#include <utility>

#include "common/error.h"
#include "storage/file/file_descriptor.h"
#include "storage/shard/dataset.h"
#include "storage/shard/file_gate.h"
#include "storage/shard/shard_format.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

/// The kinds of findings. Each kind is counted, and its list shortened, on its own.
enum class Check {
  kManifest,
  kFile,
  kEntities,
  kFeature,
  kIds,
  kLabel,
  kTime,
  kTaskTwice,
  kEventTwice,
  kScenario,
  kRepeat,
  kLeak,
  kEmptyTask,
  kLateSupport,
  kUnlisted,
};

/// A bit of its own for each part; training has bit 0.
uint32_t BitOf(Part part) {
  const size_t number =
      static_cast<size_t>(part.split) * kAllScenarios.size() + static_cast<size_t>(part.scenario);
  return 1U << number;
}

Severity SeverityOf(Check check) {
  return check >= Check::kRepeat ? Severity::kWarning : Severity::kError;
}

/// Counts all findings and keeps the lines of the first ones.
class Findings {
 public:
  explicit Findings(int64_t lines_per_check) : lines_per_check_(lines_per_check) {}

  template <typename... Args>
  void Add(Check check, fmt::format_string<Args...> format, Args&&... args) {
    std::vector<std::string>& lines = lines_[check];
    if (counts_[check]++ < lines_per_check_) {
      lines.push_back(fmt::format(format, std::forward<Args>(args)...));
    }
  }

  void MoveTo(ValidationReport* report) {
    for (auto& [check, lines] : lines_) {
      const Severity severity = SeverityOf(check);
      const int64_t count = counts_[check];
      if (severity == Severity::kError) {
        report->error_count += count;
      } else {
        report->warning_count += count;
      }
      if (count > std::ssize(lines)) {
        lines.push_back(fmt::format("... and {} more of this kind", count - std::ssize(lines)));
      }
      for (std::string& line : lines) report->problems.push_back({severity, std::move(line)});
    }
  }

 private:
  int64_t lines_per_check_;
  std::map<Check, std::vector<std::string>> lines_;
  std::map<Check, int64_t> counts_;
};

class Validator {
 public:
  Validator(std::string folder, const ValidateOptions& options)
      : folder_(std::move(folder)), options_(options), findings_(options.lines_per_check) {}

  ValidationReport Run() {
    try {
      manifest_ = ReadManifest(folder_);
    } catch (const DataError& error) {
      findings_.Add(Check::kManifest, "{}", error.what());
      return Finish();
    }
    CheckUnlistedFiles();
    const int64_t users =
        CheckEntities(manifest_.users_file, manifest_.users_sha256, manifest_.user_count);
    const int64_t items =
        CheckEntities(manifest_.items_file, manifest_.items_sha256, manifest_.item_count);
    by_item_ = manifest_.task_by == "item";
    task_entity_count_ = by_item_ ? items : users;
    event_entity_count_ = by_item_ ? users : items;
    parts_of_task_.resize(task_entity_count_);
    in_training_.resize(event_entity_count_);
    // The manifest lists training first, so all training entities are known when the other parts
    // are checked.
    for (const ShardEntry& entry : manifest_.shards) OpenAndCheckShard(entry);
    CheckEventsAcrossParts();
    return Finish();
  }

 private:
  /// The place of a task's events.
  struct Place {
    int64_t task;
    const ShardReader* reader;
    int64_t row;
    Part part;
  };

  ValidationReport Finish() {
    findings_.MoveTo(&report_);
    return std::move(report_);
  }

  void CheckUnlistedFiles() {
    std::set<std::string> listed = {"manifest.json", manifest_.users_file, manifest_.items_file};
    for (const ShardEntry& entry : manifest_.shards) listed.insert(entry.file);
    std::set<std::string> unlisted;  // sorted, because a folder's entries have no order
    std::error_code refused;
    const fs::directory_iterator entries(folder_, refused);
    if (refused) ThrowFileError("list folder", folder_, refused.value());
    for (const auto& entry : entries) {
      const std::string name = entry.path().filename().string();
      if (!listed.contains(name)) unlisted.insert(name);
    }
    for (const std::string& name : unlisted) {
      findings_.Add(Check::kUnlisted, "'{}/{}' is not listed in the manifest", folder_, name);
    }
  }

  /// Opens the file and compares it with the manifest's hash. Returns nothing after a finding.
  std::optional<FileDescriptor> OpenChecked(const std::string& path, const std::string& sha256) {
    try {
      FileDescriptor file = OpenListedFile(path);
      RequireSha256(file, sha256);
      return file;
    } catch (const Error& error) {
      findings_.Add(Check::kFile, "{}", error.what());
    }
    return std::nullopt;
  }

  /// Returns the number of entities in the table, or the manifest's number when the table cannot be
  /// read.
  int64_t CheckEntities(const std::string& file, const std::string& sha256, int64_t count) {
    const std::string path = folder_ + "/" + file;
    const std::optional<FileDescriptor> descriptor = OpenChecked(path, sha256);
    if (!descriptor) return count;
    ++report_.file_count;
    try {
      ParseInSandbox(*descriptor, [&] { ReadEntities(*descriptor); });
      const EntityTable table = ReadEntities(*descriptor);
      if (table.size() != count) {
        findings_.Add(Check::kEntities, "'{}' has {} entities, the manifest says {}", path,
                      table.size(), count);
      }
      std::unordered_set<std::string_view> seen;
      for (int64_t entity = 0; entity < table.size(); ++entity) {
        const std::string& id = table.ids[entity];
        if (!seen.insert(id).second) {
          findings_.Add(Check::kEntities, "'{}': /ids row {}: id '{}' is there twice", path, entity,
                        id);
        }
      }
      CheckFeatures(path, table);
      return table.size();
    } catch (const Error& error) {
      findings_.Add(Check::kEntities, "{}", error.what());
      return count;
    }
  }

  void CheckFeatures(const std::string& path, const EntityTable& table) {
    for (const FeatureColumn& feature : table.features) {
      for (int64_t place = 0; place < std::ssize(feature.numbers); ++place) {
        const float value = feature.numbers[place];
        // NaN means "missing" in a number. A vector has no missing entries.
        if (std::isfinite(value) || (std::isnan(value) && feature.kind == FeatureKind::kNumber)) {
          continue;
        }
        findings_.Add(Check::kFeature, "'{}': feature '{}' entity {} is {}", path, feature.name,
                      place / feature.width, value);
      }
    }
  }

  void OpenAndCheckShard(const ShardEntry& entry) {
    const std::string path = folder_ + "/" + entry.file;
    const std::optional<FileDescriptor> file = OpenChecked(path, entry.sha256);
    if (!file) return;
    try {
      const auto open = [&] { return std::make_unique<ShardReader>(*file, entry, options_.read); };
      ParseInSandbox(*file, open);
      auto reader = open();
      reader->VerifyColumns(entry);
      reader->CheckColumns(manifest_.has_time, manifest_.has_roles);
      reader->CheckIds(task_entity_count_, event_entity_count_);
      readers_.push_back(std::move(reader));
    } catch (const Error& error) {
      findings_.Add(Check::kFile, "{}", error.what());
      return;
    }
    const ShardReader& reader = *readers_.back();
    ++report_.file_count;
    report_.task_count += reader.task_count();
    report_.event_count += reader.event_count();
    for (int64_t row = 0; row < reader.task_count(); ++row) {
      const TaskView task = reader.task(row);
      const int64_t first_event = reader.offsets()[row];
      CheckValues(path, task, first_event);
      CheckRepeats(path, task);
      CheckRoleOrder(path, task);
      CheckScenario(path, entry.part, task, first_event);
      places_.push_back({task.id, &reader, row, entry.part});
    }
  }

  void CheckValues(const std::string& path, const TaskView& task, int64_t first_event) {
    if (task.size() == 0) {
      findings_.Add(Check::kEmptyTask, "'{}': task of {} has no events", path, task.id);
    }
    for (int64_t i = 0; i < std::ssize(task.labels); ++i) {
      const float label = task.labels[i];
      if (label >= manifest_.label_min && label <= manifest_.label_max) continue;
      findings_.Add(Check::kLabel, "'{}': {} row {} (task of {}) is {}, expected {}..{}", path,
                    shard_format::kLabels.dataset, first_event + i, task.id, label,
                    manifest_.label_min, manifest_.label_max);
    }
    for (int64_t i = 1; i < std::ssize(task.times); ++i) {
      if (task.times[i] >= task.times[i - 1]) continue;
      findings_.Add(Check::kTime, "'{}': {} row {} (task of {}) is {}, after {}", path,
                    shard_format::kTimes.dataset, first_event + i, task.id, task.times[i],
                    task.times[i - 1]);
    }
  }

  void CheckRepeats(const std::string& path, const TaskView& task) {
    std::vector<uint32_t> items(task.items.begin(), task.items.end());
    std::sort(items.begin(), items.end());
    for (auto next = items.begin(); next != items.end();) {
      const auto end = std::upper_bound(next, items.end(), *next);
      if (end - next > 1) {
        findings_.Add(Check::kRepeat, "'{}': task of {} has {} events with {}", path, task.id,
                      end - next, *next);
      }
      next = end;
    }
  }

  void CheckRoleOrder(const std::string& path, const TaskView& task) {
    if (task.roles.empty() || task.times.empty()) return;
    int64_t first_query = std::numeric_limits<int64_t>::max();
    int64_t last_support = std::numeric_limits<int64_t>::min();
    for (int64_t i = 0; i < std::ssize(task.roles); ++i) {
      const EventRole role = task.role(i);
      if (role == EventRole::kQuery) first_query = std::min(first_query, task.times[i]);
      if (role == EventRole::kSupport) last_support = std::max(last_support, task.times[i]);
    }
    if (last_support > first_query) {
      findings_.Add(Check::kLateSupport,
                    "'{}': task of {} has support at time {}, after its first query at {}", path,
                    task.id, last_support, first_query);
    }
  }

  void CheckScenario(const std::string& path, Part part, const TaskView& task,
                     int64_t first_event) {
    const bool training = part == kTrainPart;
    uint32_t& parts = parts_of_task_[task.id];
    if ((parts & BitOf(part)) != 0) {
      findings_.Add(Check::kTaskTwice, "'{}': a second task of {} in part '{}'", path, task.id,
                    NameOf(part));
    }
    parts |= BitOf(part);
    if (training) {
      for (const uint32_t item : task.items) in_training_[item] = true;
      return;
    }
    const bool user_cold =
        part.scenario == Scenario::kUserCold || part.scenario == Scenario::kBothCold;
    const bool item_cold =
        part.scenario == Scenario::kItemCold || part.scenario == Scenario::kBothCold;
    const bool owner_cold = by_item_ ? item_cold : user_cold;
    const bool event_cold = by_item_ ? user_cold : item_cold;
    if (owner_cold && (parts & BitOf(kTrainPart)) != 0) {
      findings_.Add(Check::kScenario, "'{}': task of {} is in '{}' but has a training task", path,
                    task.id, NameOf(part));
    }
    for (int64_t i = 0; event_cold && i < task.size(); ++i) {
      const bool support = !task.roles.empty() && task.role(i) == EventRole::kSupport;
      if (support || !in_training_[task.items[i]]) continue;
      findings_.Add(Check::kScenario,
                    "'{}': {} row {} (task of {}) is {}, which occurs in training; '{}' promises "
                    "it does not",
                    path, shard_format::kItems.dataset, first_event + i, task.id, task.items[i],
                    NameOf(part));
    }
  }

  /// Parts are disjoint sets of events.
  void CheckEventsAcrossParts() {
    std::stable_sort(places_.begin(), places_.end(),
                     [](const Place& a, const Place& b) { return a.task < b.task; });
    for (auto begin = places_.begin(); begin != places_.end();) {
      const auto end = std::find_if(begin, places_.end(),
                                    [&](const Place& place) { return place.task != begin->task; });
      if (end - begin > 1) CompareParts(begin, end);
      begin = end;
    }
  }

  template <typename Iterator>
  void CompareParts(Iterator begin, Iterator end) {
    // (entity, time, number of the place). Sorting makes equal entities of different places
    // neighbours.
    std::vector<std::tuple<uint32_t, int64_t, int64_t>> events;
    for (Iterator place = begin; place != end; ++place) {
      const TaskView task = place->reader->task(place->row);
      for (size_t i = 0; i < task.items.size(); ++i) {
        events.emplace_back(task.items[i], task.times.empty() ? 0 : task.times[i], place - begin);
      }
    }
    std::sort(events.begin(), events.end());
    for (size_t i = 1; i < events.size(); ++i) {
      const auto& [entity, time, place] = events[i];
      const auto& [last_entity, last_time, last_place] = events[i - 1];
      if (entity != last_entity || place == last_place) continue;
      Check check = Check::kLeak;
      std::string at_time;
      if (manifest_.has_time && time == last_time) {
        check = Check::kEventTwice;
        at_time = fmt::format(" at the same time {}", time);
      }
      findings_.Add(check, "task of {}: {} occurs in '{}' and in '{}'{}", begin->task, entity,
                    (begin + last_place)->reader->path(), (begin + place)->reader->path(), at_time);
    }
  }

  std::string folder_;
  ValidateOptions options_;
  Findings findings_;
  ValidationReport report_;
  DatasetManifest manifest_;
  bool by_item_ = false;
  int64_t task_entity_count_ = 0, event_entity_count_ = 0;
  std::vector<std::unique_ptr<ShardReader>> readers_;
  std::vector<Place> places_;
  std::vector<uint32_t> parts_of_task_;  // [task entity], one bit per part (BitOf)
  std::vector<bool> in_training_;        // [event entity]
};

}  // namespace

ValidationReport ValidateDataset(const std::string& path, const ValidateOptions& options) {
  return Validator(path, options).Run();
}

}  // namespace hearth
