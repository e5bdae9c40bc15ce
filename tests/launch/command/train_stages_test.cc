#include "launch/command/train_stages.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <type_traits>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "common/error.h"
#include "launch/config/load.h"
#include "launch/report/run_folder.h"
#include "storage/checkpoint/folder.h"
#include "storage/import/synth.h"
#include "storage/run/start_record.h"
#include "trainer/loop/tensor_setup.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// Types keep the order of the stages.
static_assert(!std::is_constructible_v<OpenedData, Config, OpenedData::Share>);
static_assert(!std::is_copy_constructible_v<OpenedData>, "its data set is handed on once");
static_assert(!std::is_copy_constructible_v<HeldRunFolder>, "one holder");

class TrainStages : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    data_ = ::testing::TempDir() + "train_stages_data_" + std::to_string(getpid());
    SynthOptions options;
    options.output = data_;
    options.overwrite = true;
    options.users = 120;
    options.items = 60;
    options.events_per_user = 14;
    options.tasks_per_shard = 40;
    Synthesize(options);
  }
  static void TearDownTestSuite() { fs::remove_all(data_); }
  void SetUp() override {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = ::testing::TempDir() + "train_stages_" + std::to_string(getpid()) + test->name();
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  CheckedConfig Checked(std::vector<std::string> more = {}) const {
    ConfigRequest request;
    request.overrides = {"data.path=" + data_, "run.dir=" + run_dir(), "train.device=cpu"};
    request.overrides.insert(request.overrides.end(), more.begin(), more.end());
    return CheckedConfig(LoadConfig(request).config);
  }
  std::string run_dir() const { return folder_ + "/run"; }
  StartRecord Record(int64_t number) const { return ReadStarts(run_dir()).at(number - 1); }
  // Copies the data set, damages one training shard of the copy, and returns the file of this
  // shard.
  std::string DamageAShard(const std::string& copy) const {
    fs::copy(data_, copy, fs::copy_options::recursive);
    const std::string file = ReadManifest(copy).shards.front().file;
    std::fstream(copy + "/" + file, std::ios::in | std::ios::out | std::ios::binary)
        .seekp(100)
        .write("damage", 6);
    return file;
  }

  static std::string data_;
  std::string folder_;
  Job job_{nullptr, nullptr};
  const at::TensorOptions tensors_ = at::kFloat;
};
std::string TrainStages::data_;

TEST_F(TrainStages, ConfigurationWithoutDataOrRunFolderIsNoneToTrain) {
  for (const std::string key : {"data.path", "run.dir"}) {
    try {
      Checked({key + "="});
      FAIL() << key;
    } catch (const ConfigError& error) {
      EXPECT_THAT(error.what(), HasSubstr(key + " is not set"));
    }
  }
}

TEST_F(TrainStages, BadShardsAreLeftOutBeforeAnybodyReads) {
  const std::string copy = folder_ + "/data";
  const std::string file = DamageAShard(copy);
  const CheckedConfig config = Checked({"data.path=" + copy, "data.max_bad_shards=1"});
  OpenedData opened(config, {});
  EXPECT_EQ(opened.hash(), ManifestHash(copy));
  const std::unique_ptr<Dataset> dataset = std::move(opened).WithoutBadShards();
  ASSERT_THAT(dataset->left_out(), SizeIs(1));
  EXPECT_EQ(dataset->left_out()[0].file, file);
  EXPECT_THROW(OpenedData(Checked({"data.path=" + copy}), {}), DataError) << "none may be bad";
}

TEST_F(TrainStages, HeldFolderHasTheStartOnRecordAndRefusesOthers) {
  const CheckedConfig config = Checked();
  const OpenedData data(config, {});
  HeldRunFolder folder(config, data, {"hearth", "train"}, tensors_, job_);
  EXPECT_TRUE(fs::exists(ConfigPath(run_dir())));
  EXPECT_TRUE(fs::exists(run_dir() + "/build.json"));
  Job other(nullptr, nullptr);
  EXPECT_THROW(HeldRunFolder(config, data, {"hearth", "train"}, tensors_, other), ConfigError);
  EXPECT_EQ(Record(1).state, StartRecord::State::kRunning);
  folder.End();
  EXPECT_EQ(Record(1).state, StartRecord::State::kDone);
  EXPECT_NO_THROW(HeldRunFolder(config, data, {"hearth", "train"}, tensors_, other));
  EXPECT_EQ(Record(2).state, StartRecord::State::kFailed) << "it did not end";
}

TEST_F(TrainStages, FolderOfSomethingElseIsNotTaken) {
  fs::create_directories(run_dir());
  std::ofstream(run_dir() + "/thesis.tex") << "mine";
  const CheckedConfig config = Checked();
  const OpenedData data(config, {});
  EXPECT_THROW(HeldRunFolder(config, data, {}, tensors_, job_), ConfigError);
  EXPECT_EQ(std::distance(fs::directory_iterator(run_dir()), fs::directory_iterator()), 1);
}

TEST_F(TrainStages, StartedRunHasNoBadShardsAndCleansUpAfterEarlierStarts) {
  const std::string copy = folder_ + "/data";
  const std::string file = DamageAShard(copy);
  const CheckedConfig config = Checked({"data.path=" + copy, "data.max_bad_shards=1"});
  OpenedData data(config, {});
  HeldRunFolder folder(config, data, {"hearth", "train"}, tensors_, job_);
  const std::string left = TemporaryCheckpointPath(run_dir(), 3, "abc", 0);
  fs::create_directories(left);
  const StartedRun run(config, std::move(data), folder, tensors_, job_);
  EXPECT_FALSE(fs::exists(left));
  EXPECT_EQ(run.communicator().world_size(), 1);
  ASSERT_THAT(run.dataset().left_out(), SizeIs(1));
  EXPECT_THAT(LeftOutShards(run_dir()), ElementsAre(file));
}

TEST_F(TrainStages, TrainerCommitsAsTheStartThatHoldsTheFolder) {
  const CheckedConfig config = Checked({"train.threads=3", "checkpoint.async=never"});
  const OpenedData data(config, {});
  HeldRunFolder folder(config, data, {"hearth", "train"}, tensors_, job_);
  TrainerOptions options = OptionsOfRank(config, tensors_, job_);
  EXPECT_EQ(options.train.threads, 3);
  EXPECT_EQ(options.checkpoint_copy_bytes, 0);
  EXPECT_FALSE(options.require_run_dir) << "nobody holds a folder for it yet";
  folder.Guard(options);
  EXPECT_EQ(options.start_number, 1);
  EXPECT_NO_THROW(options.require_run_dir());
  EXPECT_GT(OptionsOfRank(Checked(), tensors_, job_).checkpoint_copy_bytes, 0);
}

}  // namespace
}  // namespace hearth
