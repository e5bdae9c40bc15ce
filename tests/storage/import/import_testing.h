#pragma once

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <tuple>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "common/error.h"
#include "storage/import/event_source.h"
#include "storage/shard/dataset.h"
#include "tests/tools/message_of.h"

namespace hearth::import_testing {

/// A new temporary folder. The destructor removes it.
class ScratchFolder {
 public:
  ScratchFolder() {
    static std::atomic<int> counter = 0;
    path_ = fmt::format("{}import-{}-{}", ::testing::TempDir(), getpid(), counter++);
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~ScratchFolder() { std::filesystem::remove_all(path_); }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

  /// Writes a file and returns its path.
  std::string Write(const std::string& name, std::string_view text) const {
    const std::string path = *this / name;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }

 private:
  std::string path_;
};

/// One event in plain values. `part` is "" if the source gives no part.
struct Event {
  std::string user = {}, item = {};
  float label = 0;
  int64_t time = 0;
  int role = 0;
  std::string part = {}, subject = {};

  auto operator<=>(const Event&) const = default;
};

inline void PrintTo(const Event& event, std::ostream* stream) {
  *stream << fmt::format("({} {} {} t{} r{} {} {})", event.user, event.item, event.label,
                         event.time, event.role, event.part, event.subject);
}

class CollectingSink : public EventSink {
 public:
  explicit CollectingSink(bool has_parts) : has_parts_(has_parts) {}
  void Add(const RawEvent& event, const RowPlace& place) override {
    events.push_back({std::string(event.user), std::string(event.item), event.label, event.time,
                      static_cast<int>(event.role), has_parts_ ? NameOf(event.part) : "",
                      std::string(event.subject)});
    lines.push_back(place.line);
  }

  std::vector<Event> events;
  std::vector<int64_t> lines;

 private:
  bool has_parts_;
};

inline std::vector<Event> EventsOf(EventSource* source) {
  CollectingSink sink(source->traits().has_parts);
  source->ReadEvents(&sink);
  return sink.events;
}

/// Every event of a data set with its original ids, in the order of the shards.
inline std::vector<Event> EventsOf(const std::string& folder) {
  const Dataset dataset({.path = folder});
  const bool by_item = dataset.manifest().task_by == "item";
  std::vector<Event> events;
  for (const Part part : AllParts()) {
    for (const int64_t index : dataset.ShardsOf(part)) {
      const ShardReader& shard = dataset.Shard(index);
      for (int64_t t = 0; t < shard.task_count(); ++t) {
        const TaskView task = shard.task(t);
        for (size_t i = 0; i < task.items.size(); ++i) {
          Event event;
          event.user = dataset.task_entities().ids[task.id];
          event.item = dataset.event_entities().ids[task.items[i]];
          if (by_item) std::swap(event.user, event.item);
          event.label = task.labels[i];
          if (!task.times.empty()) event.time = task.times[i];
          if (!task.roles.empty()) event.role = task.roles[i];
          event.part = NameOf(part);
          events.push_back(event);
        }
      }
    }
  }
  return events;
}

template <typename Value>
std::vector<Value> Sorted(std::vector<Value> values) {
  std::sort(values.begin(), values.end());
  return values;
}

using ::hearth::MessageOf;

/// The names of the categories of one entity.
inline std::vector<std::string> CategoriesOf(const EntityTable& table, const std::string& id,
                                             const std::string& feature) {
  const FeatureColumn* column = table.FindFeature(feature);
  const auto found = std::find(table.ids.begin(), table.ids.end(), id);
  if (column == nullptr || found == table.ids.end()) return {"no such feature or id"};
  const auto [begin, end] = column->CategoriesOf(found - table.ids.begin());
  std::vector<std::string> names;
  for (const int32_t* c = begin; c != end; ++c) names.push_back(column->vocabulary[*c]);
  return names;
}

inline std::string TitleOf(const EntityTable& table, const std::string& id) {
  const auto found = std::find(table.ids.begin(), table.ids.end(), id);
  return found == table.ids.end() ? "no such id" : table.TitleOf(found - table.ids.begin());
}

/// The titles and features that a source reads. The ids come from its events, in order of
/// appearance.
struct Tables {
  EntityTable users, items;
};
inline Tables TablesOf(EventSource* source, BadRows* bad_rows) {
  std::vector<std::string> users, items;
  const auto add = [](const std::string& id, std::vector<std::string>* ids) {
    if (std::find(ids->begin(), ids->end(), id) == ids->end()) ids->push_back(id);
  };
  for (const Event& event : EventsOf(source)) {
    add(event.user, &users);
    add(event.item, &items);
  }
  EntityBuilder user_builder(users, false, bad_rows), item_builder(items, false, bad_rows);
  source->ReadFeatures(&user_builder, &item_builder);
  return {user_builder.Build(), item_builder.Build()};
}

}  // namespace hearth::import_testing
