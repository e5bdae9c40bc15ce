#include "storage/shard/validate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/error.h"
#include "tests/storage/shard/dataset_fixture.h"

namespace hearth {
namespace {

using ::testing::Contains;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::Matcher;
using ::testing::Not;
using testing_data::AddTask;
using testing_data::Items;
using testing_data::NewFolder;
using testing_data::ReadBytes;
using testing_data::Shards;
using testing_data::Users;
using testing_data::WriteBytes;
using testing_data::WriteDataset;

constexpr Part kNonColdTest{Split::kTest, Scenario::kNonCold};
constexpr Part kUserColdTest{Split::kTest, Scenario::kUserCold};
constexpr Part kItemColdTest{Split::kTest, Scenario::kItemCold};

/// The tiny data set; the test changes its four shards.
ValidationReport ValidateShards(const testing_data::ShardList& shards) {
  const std::string folder = NewFolder();
  WriteDataset(folder, shards, Users(), Items());
  return ValidateDataset(folder);
}

ShardContent& Train(testing_data::ShardList& shards) { return std::get<2>(shards[0]); }

/// The findings, one a line.
std::string LinesOf(const ValidationReport& report) {
  std::string lines;
  for (const Problem& problem : report.problems) lines += problem.text + "\n";
  return lines;
}

Matcher<const std::vector<Problem>&> HasOne(Severity severity) {
  return Contains(Field(&Problem::severity, severity));
}

void ExpectOneError(const ValidationReport& report, const std::string& text) {
  EXPECT_EQ(report.error_count, 1) << LinesOf(report);
  EXPECT_THAT(report.problems, HasOne(Severity::kError));
  EXPECT_THAT(LinesOf(report), HasSubstr(text));
}

void ExpectOneWarning(const ValidationReport& report, const std::string& text) {
  EXPECT_TRUE(report.ok()) << LinesOf(report);
  EXPECT_EQ(report.warning_count, 1) << LinesOf(report);
  EXPECT_THAT(report.problems, HasOne(Severity::kWarning));
  EXPECT_THAT(LinesOf(report), HasSubstr(text));
}

void ExpectSound(const ValidationReport& report, int64_t files, int64_t tasks, int64_t events) {
  EXPECT_TRUE(report.ok());
  EXPECT_TRUE(report.problems.empty()) << LinesOf(report);
  EXPECT_EQ(report.warning_count, 0);
  EXPECT_EQ(report.file_count, files);
  EXPECT_EQ(report.task_count, tasks);
  EXPECT_EQ(report.event_count, events);
}

TEST(Validate, AGoodDataSetHasNoProblems) { ExpectSound(ValidateShards(Shards()), 6, 6, 12); }

TEST(Validate, AMissingManifestIsAnError) {
  ExpectOneError(ValidateDataset(NewFolder()), "has no manifest.json");
}

TEST(Validate, ADamagedShardIsNamedAndTheOthersAreStillChecked) {
  const std::string folder = NewFolder();
  WriteDataset(folder);
  std::string bytes = ReadBytes(folder + "/train-00001.h5");
  bytes[bytes.size() / 2] ^= 4;
  WriteBytes(folder + "/train-00001.h5", bytes);
  const ValidationReport report = ValidateDataset(folder);
  ExpectOneError(report, folder + "/train-00001.h5' is damaged or replaced");
  EXPECT_EQ(report.file_count, 5);
}

TEST(Validate, AMissingShardIsNamed) {
  const std::string folder = NewFolder();
  WriteDataset(folder);
  std::filesystem::remove(folder + "/test-user_cold-00000.h5");
  ExpectOneError(ValidateDataset(folder), "test-user_cold-00000.h5': No such file");
}

TEST(Validate, ADamagedEntityFileIsNamed) {
  const std::string folder = NewFolder();
  WriteDataset(folder);
  WriteBytes(folder + "/users.h5", "no HDF5");
  ExpectOneError(ValidateDataset(folder), "users.h5' is damaged or replaced");
}

TEST(Validate, AWrongXxh3IsNamed) {
  const std::string folder = NewFolder();
  DatasetManifest manifest = WriteDataset(folder);
  manifest.shards[0].column_xxh3[2].second = "0000000000000000";
  WriteManifest(folder, manifest);
  ExpectOneError(ValidateDataset(folder), "/events/item is damaged");
}

TEST(Validate, CountsUnlikeTheManifest) {
  const std::string folder = NewFolder();
  DatasetManifest manifest = WriteDataset(folder);
  ++manifest.shards[0].task_count;
  WriteManifest(folder, manifest);
  ExpectOneError(ValidateDataset(folder), "has task_count 2, the manifest says 3");
}

TEST(Validate, IdsBeyondTheTable) {
  auto shards = Shards();
  Train(shards).items[1] = 6;
  ExpectOneError(ValidateShards(shards), "/events/item row 1 is 6, expected 0..5");
}

TEST(Validate, IdsThatOccurTwice) {
  const std::string folder = NewFolder();
  EntityTable users = Users();
  users.ids[4] = "u1";
  WriteDataset(folder, Shards(), users, Items());
  ExpectOneError(ValidateDataset(folder), "/ids row 4: id 'u1' is there twice");
}

TEST(Validate, InfiniteFeaturesAndHolesInVectors) {
  const std::string folder = NewFolder();
  EntityTable users = Users();
  users.features[1].numbers[0] = INFINITY;
  EntityTable items = Items();
  items.features[1].numbers[5] = NAN;
  WriteDataset(folder, Shards(), users, items);
  const ValidationReport report = ValidateDataset(folder);
  EXPECT_EQ(report.error_count, 2);
  EXPECT_THAT(LinesOf(report), HasSubstr("feature 'age' entity 0 is inf"));
  EXPECT_THAT(LinesOf(report), HasSubstr("feature 'embedding' entity 2 is nan"));
}

TEST(Validate, LabelsOutsideTheRangeOrNotFinite) {
  for (const float label : {5.5F, 0.5F, NAN, INFINITY, -INFINITY}) {
    auto shards = Shards();
    Train(shards).labels[4] = label;
    ExpectOneError(ValidateShards(shards), "/events/label row 4 (task of 1) is");
  }
}

TEST(Validate, TimesThatDecreaseInsideATask) {
  auto shards = Shards();
  Train(shards).times = {10, 9, 30, 5, 5};  // the second task may start earlier, ties are fine
  ExpectOneError(ValidateShards(shards), "/events/time row 1 (task of 0) is 9, after 10");
}

TEST(Validate, ATaskSplitOverTwoShards) {
  auto shards = Shards();
  AddTask(0, {{3, 40, 2}}, &std::get<2>(shards[1]));
  ExpectOneError(ValidateShards(shards), "train-00001.h5': a second task of 0 in part 'train'");
}

TEST(Validate, ATrainingUserInAUserColdPart) {
  auto shards = Shards();
  AddTask(1, {{0, 300, 2}}, &std::get<2>(shards[2]));
  ExpectOneError(ValidateShards(shards),
                 "task of 1 is in 'test/user_cold' but has a training task");
}

TEST(Validate, ATrainingItemInAnItemColdPart) {
  auto shards = Shards();
  AddTask(1, {{2, 300, 2}}, &std::get<2>(shards[3]));
  ExpectOneError(ValidateShards(shards),
                 "/events/item row 2 (task of 1) is 2, which occurs in "
                 "training; 'test/item_cold' promises it does not");
}

TEST(Validate, GivenSupportOfAnItemColdTaskMayBeKnown) {
  auto shards = Shards();
  for (auto& [file, part, content] : shards) {
    content.roles.assign(content.items.size(), static_cast<uint8_t>(EventRole::kAny));
  }
  ShardContent& cold = std::get<2>(shards[3]);
  AddTask(1, {{2, 300, 2}, {5, 310, 2}}, &cold);
  cold.roles.insert(cold.roles.end(), {static_cast<uint8_t>(EventRole::kSupport),
                                       static_cast<uint8_t>(EventRole::kQuery)});
  ExpectSound(ValidateShards(shards), 6, 7, 14);
}

TEST(Validate, TheColdSidesSwapWhenTasksAreItems) {
  // Tasks are items 0..2 here, events refer to users: item 0 has training events of user 0.
  ShardContent train, item_cold, user_cold;
  AddTask(0, {{0, 1, 1}}, &train);
  AddTask(0, {{1, 2, 1}}, &item_cold);  // false: its item is a training task
  AddTask(1, {{0, 3, 1}}, &user_cold);  // false: its user occurs in training
  const std::string folder = NewFolder();
  DatasetManifest manifest = WriteDataset(folder,
                                          {{"a.h5", kTrainPart, train},
                                           {"b.h5", kUserColdTest, user_cold},
                                           {"c.h5", kItemColdTest, item_cold}},
                                          Users(), Items());
  manifest.task_by = "item";
  WriteManifest(folder, manifest);
  const ValidationReport report = ValidateDataset(folder);
  EXPECT_EQ(report.error_count, 2) << LinesOf(report);
  EXPECT_THAT(LinesOf(report), HasSubstr("task of 0 is in 'test/item_cold'"));
  EXPECT_THAT(LinesOf(report), HasSubstr("'test/user_cold' promises it does not"));
}

TEST(Validate, TheSameTimedEventInTwoParts) {
  auto shards = Shards();
  ShardContent again;
  AddTask(0, {{1, 20, 3}}, &again);
  shards.insert(shards.begin() + 2, {"test-non_cold-00000.h5", kNonColdTest, again});
  ExpectOneError(ValidateShards(shards), "task of 0: 1 occurs in");
}

TEST(Validate, TheSameItemAtAnotherTimeInTwoPartsIsAWarning) {
  auto shards = Shards();
  ShardContent again;
  AddTask(0, {{1, 21, 3}}, &again);
  shards.insert(shards.begin() + 2, {"test-non_cold-00000.h5", kNonColdTest, again});
  ExpectOneWarning(ValidateShards(shards), "task of 0: 1 occurs in");
}

TEST(Validate, RepeatsInsideATaskAreAWarning) {
  auto shards = Shards();
  Train(shards).items[2] = 0;
  ExpectOneWarning(ValidateShards(shards), "task of 0 has 2 events with 0");
}

TEST(Validate, EmptyTasksAreAWarning) {
  auto shards = Shards();
  AddTask(5, {}, &Train(shards));
  ExpectOneWarning(ValidateShards(shards), "task of 5 has no events");
}

TEST(Validate, SupportAfterQueryIsAWarning) {
  auto shards = Shards();
  for (auto& [file, part, content] : shards) content.roles.assign(content.items.size(), 0);
  Train(shards).roles = {2, 1, 0, 1, 2};
  ExpectOneWarning(ValidateShards(shards),
                   "task of 0 has support at time 20, after its first query at 10");
}

TEST(Validate, UnlistedFilesAreAWarning) {
  const std::string folder = NewFolder();
  WriteDataset(folder);
  WriteBytes(folder + "/train-00002.h5", "stray");
  ExpectOneWarning(ValidateDataset(folder), "train-00002.h5' is not listed");
}

TEST(Validate, LongListsAreCutAndCounted) {
  auto shards = Shards();
  ShardContent& train = Train(shards);
  train.labels.assign(train.labels.size(), 9);
  const std::string folder = NewFolder();
  WriteDataset(folder, shards, Users(), Items());
  const ValidationReport report =
      ValidateDataset(folder, {.read = ReadMode::kPread, .lines_per_check = 2});
  EXPECT_EQ(report.error_count, 5);
  EXPECT_EQ(report.problems.size(), 3U);
  EXPECT_THAT(LinesOf(report), HasSubstr("... and 3 more of this kind"));
  EXPECT_THAT(LinesOf(report), Not(HasSubstr("row 2")));
}

}  // namespace
}  // namespace hearth
