#pragma once

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "common/random.h"
#include "storage/shard/dataset.h"

namespace hearth::testing {

/// The events of one task.
struct TestTask {
  int64_t id = 0;
  std::vector<uint32_t> items;
  std::vector<uint8_t> roles = {};
};

struct TestData {
  int64_t user_count = 0;
  int64_t item_count = 0;
  /// [part][shard][task]. The label of an event is its position in the task, and its time is
  /// 1000 + 10 * position.
  std::map<std::string, std::vector<std::vector<TestTask>>> parts;
  bool has_time = true;
  bool has_roles = false;
};

/// A data set on disk that lives as long as the test.
class TestDataset {
 public:
  explicit TestDataset(const TestData& data) : folder_(UniqueFolder()) {
    std::filesystem::create_directories(folder_);
    DatasetManifest manifest;
    manifest.name = "test";
    manifest.tool_version = "test";
    manifest.has_time = data.has_time;
    manifest.has_roles = data.has_roles;
    manifest.label_max = 1000;
    manifest.user_count = data.user_count;
    manifest.item_count = data.item_count;
    manifest.users_sha256 = WriteEntities(folder_ + "/users.h5", Entities("u", data.user_count));
    manifest.items_sha256 = WriteEntities(folder_ + "/items.h5", Entities("i", data.item_count));
    for (const Part part : AllParts()) {
      const auto shards = data.parts.find(NameOf(part));
      if (shards == data.parts.end()) continue;
      for (const std::vector<TestTask>& tasks : shards->second) {
        const std::string file = fmt::format("shard-{:05}.h5", manifest.shards.size());
        manifest.shards.push_back(WriteShard(folder_, file, part, "user", Content(data, tasks)));
        manifest.event_count += manifest.shards.back().event_count;
      }
    }
    WriteManifest(folder_, manifest);
    dataset_ = std::make_unique<Dataset>(DatasetOptions{.path = folder_});
  }
  ~TestDataset() {
    dataset_.reset();
    std::filesystem::remove_all(folder_);
  }
  TestDataset(const TestDataset&) = delete;
  TestDataset& operator=(const TestDataset&) = delete;

  const Dataset& operator*() const { return *dataset_; }
  const std::string& folder() const { return folder_; }

 private:
  static std::string UniqueFolder() {
    static std::atomic<int> number = 0;
    return fmt::format("{}/hearth-sampler-{}-{}", ::testing::TempDir(), getpid(), number++);
  }
  static EntityTable Entities(const std::string& prefix, int64_t count) {
    EntityTable table;
    for (int64_t i = 0; i < count; ++i) table.ids.push_back(prefix + std::to_string(i));
    return table;
  }
  static ShardContent Content(const TestData& data, const std::vector<TestTask>& tasks) {
    ShardContent content;
    for (const TestTask& task : tasks) {
      content.task_ids.push_back(task.id);
      for (size_t i = 0; i < task.items.size(); ++i) {
        content.items.push_back(task.items[i]);
        content.labels.push_back(static_cast<float>(i));
        if (data.has_time) content.times.push_back(1000 + 10 * static_cast<int64_t>(i));
        if (data.has_roles) content.roles.push_back(task.roles[i]);
      }
      content.offsets.push_back(content.event_count());
    }
    return content;
  }

  std::string folder_;
  std::unique_ptr<Dataset> dataset_;
};

/// Makes tasks with ids from first_id on and 1 to `longest` distinct items each.
inline std::vector<TestTask> RandomTasks(int64_t first_id, int64_t count, int64_t item_count,
                                         int64_t longest) {
  std::vector<TestTask> tasks;
  for (int64_t id = first_id; id < first_id + count; ++id) {
    RandomStream random(1, Purpose::kTest, static_cast<uint64_t>(id));
    const int64_t length =
        1 + static_cast<int64_t>(random.NextBelow(static_cast<uint64_t>(longest)));
    TestTask task{.id = id, .items = {}};
    for (const int64_t item : SampleWithoutReplacement(item_count, length, random)) {
      task.items.push_back(static_cast<uint32_t>(item));
    }
    tasks.push_back(std::move(task));
  }
  return tasks;
}

/// Makes a training part of shards with the given task counts, and a validation part of 40 cold
/// users.
inline TestData RandomData(const std::vector<int64_t>& shard_task_counts, int64_t longest = 40) {
  TestData data{.item_count = 200, .parts = {}};
  for (const int64_t count : shard_task_counts) {
    data.parts["train"].push_back(RandomTasks(data.user_count, count, data.item_count, longest));
    data.user_count += count;
  }
  data.parts["validation/user_cold"] = {
      RandomTasks(data.user_count, 25, data.item_count, longest),
      RandomTasks(data.user_count + 25, 15, data.item_count, longest)};
  data.user_count += 40;
  return data;
}

}  // namespace hearth::testing
