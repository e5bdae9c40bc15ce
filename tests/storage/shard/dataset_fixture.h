#pragma once

#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "storage/file/file_descriptor.h"
#include "storage/shard/dataset.h"

namespace hearth::testing_data {

/// An empty folder for this test case alone.
inline std::string NewFolder() {
  const auto* const info = ::testing::UnitTest::GetInstance()->current_test_info();
  const std::string folder = ::testing::TempDir() + "/hearth-" + std::to_string(::getpid()) + "-" +
                             info->test_suite_name() + "-" + info->name();
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  return folder;
}

inline std::string ReadBytes(const std::string& path) { return ReadWholeFile(path, 1 << 30); }

/// Writes a file for tests that make thousands of damaged ones. It is not synced, and gets a new
/// inode, because some file systems sync a file that is truncated and written again.
inline void WriteBytes(const std::string& path, const std::string& bytes) {
  std::filesystem::remove(path);
  std::ofstream(path, std::ios::binary) << bytes;
}

/// One event of a test's data set; `item` is an index.
struct Event {
  uint32_t item;
  int64_t time;
  float label;
};

inline void AddTask(int64_t id, const std::vector<Event>& events, ShardContent* content) {
  content->task_ids.push_back(id);
  for (const Event& event : events) {
    content->items.push_back(event.item);
    content->times.push_back(event.time);
    content->labels.push_back(event.label);
  }
  content->offsets.push_back(content->event_count());
}

inline EntityTable Users() {
  EntityTable users;
  users.ids = {"u0", "u1", "u2", "u3", "u4", "u5"};
  FeatureColumn city{.name = "city",
                     .kind = FeatureKind::kCategory,
                     .vocabulary = {"", "Oslo", "Lima"},
                     .categories = {1, 2, 0, 1, 1, 2},
                     .offsets = {},
                     .numbers = {}};
  FeatureColumn age{.name = "age",
                    .kind = FeatureKind::kNumber,
                    .vocabulary = {},
                    .categories = {},
                    .offsets = {},
                    .numbers = {20, 31.5F, 42, std::nanf(""), 64, 75}};
  users.features = {city, age};
  return users;
}

inline EntityTable Items() {
  EntityTable items;
  items.ids = {"i0", "i1", "i2", "i3", "i4", "i5"};
  items.titles = {"Alien (1979)", "", "Amélie", "Brazil", "Heat", "Ran"};
  FeatureColumn genres{.name = "genres",
                       .kind = FeatureKind::kCategories,
                       .vocabulary = {"", "Horror", "Sci-Fi", "Drama"},
                       .categories = {1, 2, 3, 2, 3, 3},
                       .offsets = {0, 2, 2, 3, 4, 5, 6},
                       .numbers = {}};
  FeatureColumn embedding{.name = "embedding",
                          .kind = FeatureKind::kVector,
                          .vocabulary = {},
                          .categories = {},
                          .offsets = {},
                          .numbers = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11.5F},
                          .width = 2};
  items.features = {genres, embedding};
  return items;
}

/// The shard files of the test data set, six tasks in all.
inline std::vector<std::tuple<std::string, Part, ShardContent>> Shards() {
  ShardContent train0, train1, user_cold, item_cold;
  AddTask(0, {{0, 10, 5}, {1, 20, 3}, {2, 30, 1}}, &train0);
  AddTask(1, {{1, 11, 4}, {3, 12, 2}}, &train0);
  AddTask(2, {{0, 5, 3}}, &train1);
  AddTask(3, {{0, 100, 4}, {1, 110, 2}, {2, 120, 5}}, &user_cold);
  AddTask(4, {{3, 130, 1}}, &user_cold);
  AddTask(0, {{4, 200, 5}, {5, 210, 4.5F}}, &item_cold);
  return {{"train-00000.h5", kTrainPart, train0},
          {"train-00001.h5", kTrainPart, train1},
          {"test-user_cold-00000.h5", {Split::kTest, Scenario::kUserCold}, user_cold},
          {"test-item_cold-00000.h5", {Split::kTest, Scenario::kItemCold}, item_cold}};
}

using ShardList = std::vector<std::tuple<std::string, Part, ShardContent>>;

/// Writes a data set of the given shards, Users() and Items(). Returns its manifest.
inline DatasetManifest WriteDataset(const std::string& folder, const ShardList& shards,
                                    const EntityTable& users, const EntityTable& items) {
  DatasetManifest manifest;
  manifest.name = "tiny";
  manifest.label_min = 1;
  manifest.label_max = 5;
  manifest.user_count = users.size();
  manifest.item_count = items.size();
  manifest.users_sha256 = WriteEntities(folder + "/users.h5", users);
  manifest.items_sha256 = WriteEntities(folder + "/items.h5", items);
  for (const auto& [file, part, content] : shards) {
    manifest.shards.push_back(WriteShard(folder, file, part, manifest.task_by, content));
    manifest.event_count += content.event_count();
    manifest.has_time = manifest.has_time || !content.times.empty();
    manifest.has_roles = manifest.has_roles || !content.roles.empty();
  }
  manifest.source = R"({"format":"csv","input":"log.csv"})";
  manifest.tool_version = "0.1.0";
  manifest.facts = {{"truth_rmse/test/user_cold", 0.75}};
  WriteManifest(folder, manifest);
  return manifest;
}

inline DatasetManifest WriteDataset(const std::string& folder) {
  return WriteDataset(folder, Shards(), Users(), Items());
}

template <typename Element>
std::vector<Element> VectorOf(std::span<const Element> span) {
  return {span.begin(), span.end()};
}

/// Copies the whole shard out of the reader's views.
inline ShardContent ContentOf(const ShardReader& reader) {
  ShardContent content;
  for (int64_t i = 0; i < reader.task_count(); ++i) {
    const TaskView task = reader.task(i);
    content.task_ids.push_back(task.id);
    content.items.insert(content.items.end(), task.items.begin(), task.items.end());
    content.times.insert(content.times.end(), task.times.begin(), task.times.end());
    content.labels.insert(content.labels.end(), task.labels.begin(), task.labels.end());
    content.roles.insert(content.roles.end(), task.roles.begin(), task.roles.end());
    content.offsets.push_back(content.event_count());
  }
  return content;
}

inline void ExpectEqual(const ShardContent& a, const ShardContent& b) {
  EXPECT_EQ(a.task_ids, b.task_ids);
  EXPECT_EQ(a.offsets, b.offsets);
  EXPECT_EQ(a.items, b.items);
  EXPECT_EQ(a.times, b.times);
  EXPECT_EQ(a.labels, b.labels);
  EXPECT_EQ(a.roles, b.roles);
}

inline void ExpectEqual(const EntityTable& a, const EntityTable& b) {
  EXPECT_EQ(a.ids, b.ids);
  EXPECT_EQ(a.titles, b.titles);
  ASSERT_EQ(a.features.size(), b.features.size());
  for (size_t i = 0; i < a.features.size(); ++i) {
    EXPECT_EQ(a.features[i].name, b.features[i].name);
    EXPECT_EQ(a.features[i].kind, b.features[i].kind);
    EXPECT_EQ(a.features[i].vocabulary, b.features[i].vocabulary);
    EXPECT_EQ(a.features[i].categories, b.features[i].categories);
    EXPECT_EQ(a.features[i].offsets, b.features[i].offsets);
    EXPECT_EQ(a.features[i].width, b.features[i].width);
    ASSERT_EQ(a.features[i].numbers.size(), b.features[i].numbers.size());
    for (size_t j = 0; j < a.features[i].numbers.size(); ++j) {
      const float x = a.features[i].numbers[j];
      const float y = b.features[i].numbers[j];
      EXPECT_TRUE(x == y || (std::isnan(x) && std::isnan(y))) << x << " and " << y;
    }
  }
}

}  // namespace hearth::testing_data
