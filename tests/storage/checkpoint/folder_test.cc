#include "storage/checkpoint/folder.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/storage/checkpoint/checkpoint_fixture.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class CheckpointFolder : public CheckpointFixture {};

TEST(StepName, IsReadOnlyInItsCanonicalForm) {
  EXPECT_EQ(ParseStepName("step-000123"), 123);
  EXPECT_EQ(ParseStepName("step-1234567"), 1234567);
  for (const std::string name :
       {"step-123", "step-0000123", "step-", "step--00001", "step-+00001", "step-00012x",
        "step-000123.tmp-a", "step-99999999999999999999", " step-000123", "Step-000123"}) {
    EXPECT_EQ(ParseStepName(name), std::nullopt) << name;
  }
}

TEST_F(CheckpointFolder, ListsStepsInOrderWithMetricAndSize) {
  Save(30);
  Save(4);
  fs::create_directories(run_dir_ + "/checkpoints/step-000005.damaged-1");
  Overwrite(run_dir_ + "/checkpoints/step-000006", "a file of this name is no checkpoint");
  const std::vector<CheckpointInfo> list = ListCheckpoints(run_dir_);
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0].step, 4);
  EXPECT_EQ(list[1].step, 30);
  EXPECT_EQ(list[1].epoch, 3);
  EXPECT_EQ(list[1].metric->name, "rmse");
  EXPECT_EQ(list[0].metric->value, 0.2);
  const int64_t size_bytes = fs::file_size(list[0].path + "/part-00000-of-00002.h5") +
                             fs::file_size(list[0].path + "/part-00001-of-00002.h5");
  EXPECT_EQ(list[0].size_bytes, size_bytes);
  EXPECT_EQ(list[0].problem, "");
}

TEST_F(CheckpointFolder, ListsDamagedManifestsWithTheReason) {
  Overwrite(Save(4) + "/MANIFEST.json", "{}");
  fs::remove(Save(5) + "/MANIFEST.json");
  const std::vector<CheckpointInfo> list = ListCheckpoints(run_dir_);
  ASSERT_EQ(list.size(), 2u);
  EXPECT_THAT(list[0].problem, HasSubstr("not a checkpoint manifest"));
  EXPECT_THAT(list[1].problem, HasSubstr("has no MANIFEST.json"));
}

TEST_F(CheckpointFolder, PruneKeepsTheNewestAndThePinned) {
  for (int64_t step = 1; step <= 6; ++step) Save(step);
  const std::vector<int64_t> pinned = {2, 99};
  EXPECT_THAT(PruneCheckpoints(run_dir_, 2, pinned), ElementsAre(1, 3, 4));
  EXPECT_THAT(ListSteps(run_dir_), ElementsAre(2, 5, 6));
  EXPECT_THAT(PruneCheckpoints(run_dir_, 2, pinned), IsEmpty());
  EXPECT_THAT(NamesIn(run_dir_ + "/checkpoints"),
              ElementsAre("LATEST", "step-000002", "step-000005", "step-000006"));
}

TEST_F(CheckpointFolder, PruneRemovesNothingWhenTheNewestIsDamaged) {
  for (int64_t step = 1; step <= 3; ++step) Save(step);
  const std::string piece = CheckpointPath(run_dir_, 3) + "/part-00001-of-00002.h5";
  std::string bytes = Slurp(piece);
  bytes.back() ^= 1;
  Overwrite(piece, bytes);
  EXPECT_THAT(MessageOf([&] { PruneCheckpoints(run_dir_, 1, {}); }), HasSubstr("SHA-256 differs"));
  EXPECT_THAT(ListSteps(run_dir_), ElementsAre(1, 2, 3));
}

TEST_F(CheckpointFolder, PruneNeitherCountsNorRemovesCheckpointsItCannotRead) {
  for (int64_t step = 1; step <= 4; ++step) Save(step);
  Overwrite(CheckpointPath(run_dir_, 4) + "/MANIFEST.json", "");
  Overwrite(CheckpointPath(run_dir_, 1) + "/MANIFEST.json", "");
  EXPECT_THAT(PruneCheckpoints(run_dir_, 1, {}), ElementsAre(2));
  EXPECT_THAT(ListSteps(run_dir_), ElementsAre(1, 3, 4));
}

TEST_F(CheckpointFolder, PruneKeepsFilesHearthDidNotWrite) {
  for (int64_t step = 1; step <= 2; ++step) Save(step);
  Overwrite(CheckpointPath(run_dir_, 1) + "/notes.txt", "precious");
  PruneCheckpoints(run_dir_, 1, {});
  EXPECT_EQ(Slurp(run_dir_ + "/checkpoints/step-000001.tmp-run-1-0/notes.txt"), "precious");
}

TEST_F(CheckpointFolder, RemovalKnowsItsOwnFilesByTheirWholeNames) {
  const std::string folder = run_dir_ + "/mixed";
  std::filesystem::create_directories(folder);
  for (const char* own : {"MANIFEST.json", "MANIFEST.json.tmp-12-0", "part-00000-of-00002.h5",
                          "part-123456-of-123457.h5", "part-00001-of-00002.h5.tmp-7-31"}) {
    Overwrite(folder + "/" + own, "");
  }
  const std::vector<std::string> foreign = {"MANIFEST.json.tmp-",
                                            "MANIFEST.json.tmp-1",
                                            "MANIFEST.json.tmp-1-x",
                                            "MANIFEST.json~",
                                            "MANIFESTxjson",
                                            "a-part-00000-of-00002.h5",
                                            "part-0000-of-00002.h5",
                                            "part-00000-of-00002.h5.backup",
                                            "part-00000-of-00002.hdf5",
                                            "part-0000a-of-00002.h5",
                                            "part-00000-of-0002.h5"};
  for (const std::string& name : foreign) Overwrite(folder + "/" + name, "precious");
  EXPECT_FALSE(RemoveCheckpointFolder(folder));
  EXPECT_THAT(NamesIn(folder), ::testing::UnorderedElementsAreArray(foreign));
}

}  // namespace
}  // namespace hearth
