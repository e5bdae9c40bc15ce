#include "launch/report/run_folder.h"

#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "common/error.h"
#include "launch/config/resume_check.h"
#include "launch/report/exit_file.h"
#include "launch/report/metrics_log.h"
#include "storage/file/durable_file.h"
#include "storage/file/fault_report.h"
#include "storage/run/start_record.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

class RunFolder : public ::testing::Test {
 protected:
  RunFolder() {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = ::testing::TempDir() + "run_folder_" + test->name();
    fs::remove_all(folder_);
    config_.run.dir = folder_;
    config_.data.path = "/data/ml";
    start_ = {{"hearth", "train"}, 2, "cpu", std::string(64, 'a')};
  }
  ~RunFolder() override { fs::remove_all(folder_); }

  static std::string RefusalOf(const std::function<void()>& body) {
    try {
      body();
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "(accepted)";
  }
  std::string Refusal() {
    return RefusalOf([this] { Prepare(); });
  }
  void Prepare() const {
    OpenRunFolder(config_.run.dir);
    PrepareRunFolder(config_, start_);
  }

  std::string folder_;
  Config config_;
  RunStart start_;
};

TEST_F(RunFolder, HoldsConfigurationAndBuild) {
  config_.descent.inner_steps = 7;
  Prepare();
  const Config again = ReadRunConfig(folder_, {});
  EXPECT_EQ(again.descent.inner_steps, 7);
  EXPECT_EQ(again.run.dir, folder_);
  EXPECT_EQ(again.data.path, "/data/ml");
  std::ifstream file(folder_ + "/build.json");
  const auto build = nlohmann::json::parse(file);
  EXPECT_EQ(build["world_size"], 2);
  EXPECT_EQ(build["command_line"], nlohmann::json({"hearth", "train"}));
  EXPECT_EQ(build["data"]["manifest_sha256"], start_.data_hash);
  EXPECT_EQ(build["config_sha256"], ConfigHash(config_));
}

TEST_F(RunFolder, StaysARunWhenItIsMoved) {
  Prepare();
  const std::string elsewhere = folder_ + "_moved";
  fs::remove_all(elsewhere);
  fs::rename(folder_, elsewhere);
  EXPECT_EQ(ReadRunConfig(elsewhere, {}).run.dir, elsewhere);
  fs::remove_all(elsewhere);
}

TEST_F(RunFolder, RefusesAFolderWithSomethingElse) {
  fs::create_directories(folder_);
  std::ofstream(folder_ + "/thesis.tex") << "x";
  EXPECT_THAT(Refusal(),
              AllOf(HasSubstr("is not empty and holds no run"), HasSubstr("thesis.tex")));
  EXPECT_FALSE(fs::exists(folder_ + "/config.yaml"));
}

TEST_F(RunFolder, RefusesAFile) {
  std::ofstream(folder_.c_str()) << "x";
  EXPECT_THAT(Refusal(), HasSubstr("is not a folder"));
}

TEST_F(RunFolder, GoesOnWithTheSameRun) {
  Prepare();
  config_.train.max_steps = 9999;
  config_.eval.every_steps = 7;
  EXPECT_EQ(Refusal(), "(accepted)");
  EXPECT_EQ(ReadRunConfig(folder_, {}).train.max_steps, 9999);
}

TEST_F(RunFolder, NeverMeansNever) {
  Prepare();
  config_.checkpoint.resume = "never";
  EXPECT_THAT(Refusal(), HasSubstr("holds a run, and checkpoint.resume is never"));
}

TEST_F(RunFolder, ListsEveryForbiddenDifferenceAndChangesNothing) {
  Prepare();
  config_.descent.inner_steps = 8;
  config_.model.dim = 5;
  config_.train.max_steps = 1;
  EXPECT_THAT(Refusal(),
              AllOf(HasSubstr("meta.inner_steps: was 3, is 8"),
                    HasSubstr("model.dim: was 32, is 5"), ::testing::Not(HasSubstr("max_steps"))));
  EXPECT_EQ(ReadRunConfig(folder_, {}).model.dim, 32);
}

TEST_F(RunFolder, RefusesOtherData) {
  Prepare();
  start_.data_hash = std::string(64, 'b');
  EXPECT_THAT(Refusal(), HasSubstr("is not the data set that the run"));
}

TEST_F(RunFolder, AFolderThatWasOnlyTakenIsAsGoodAsNew) {
  fs::create_directories(folder_ + "/starts");
  EXPECT_EQ(Refusal(), "(accepted)");
}

TEST_F(RunFolder, StartsWithoutProgressAreRefusedPastTheLimit) {
  const auto plant = [this](int64_t number, int64_t step) {
    StartRecord record;
    record.number = number;
    record.process = ThisProcess();
    record.began_after_step = step;
    WriteFileDurably(StartPath(folder_, number), SerializeStart(record));
  };
  fs::create_directories(folder_ + "/starts");
  plant(1, 0);
  for (const int64_t number : {2, 3}) plant(number, 500);
  RequireProgress(config_, 500);
  plant(4, 500);
  EXPECT_THAT([this] { RequireProgress(config_, 500); },
              ::testing::ThrowsMessage<NumericError>(
                  AllOf(HasSubstr(folder_), HasSubstr("the last 3 starts"), HasSubstr("step 500"),
                        HasSubstr("checkpoint.max_fruitless_starts=0"))));
  RequireProgress(config_, 600);
  config_.checkpoint.max_fruitless_starts = 4;
  RequireProgress(config_, 500);
  config_.checkpoint.max_fruitless_starts = 0;
  plant(5, 500);
  RequireProgress(config_, 500);
}

TEST_F(RunFolder, AFolderWithoutARunIsNamed) {
  fs::create_directories(folder_);
  EXPECT_THAT(RefusalOf([this] { ReadRunConfig(folder_, {}); }), HasSubstr("holds no run"));
}

TEST_F(RunFolder, TheFirstExitFileStays) {
  fs::create_directories(folder_);
  EXPECT_TRUE(WriteExitFile(folder_, {65, 3, "node7", "bad \xFF shard"}));
  EXPECT_FALSE(WriteExitFile(folder_, {69, 0, "node1", "peer lost"}));
  {
    std::ifstream file(folder_ + "/exit.json");
    const auto json = nlohmann::json::parse(file);
    EXPECT_EQ(json["code"], 65);
    EXPECT_EQ(json["rank"], 3);
    EXPECT_EQ(json["host"], "node7");
  }
  RemoveExitFile(folder_);
  EXPECT_TRUE(WriteExitFile(folder_, {69, 0, "node1", "peer lost"}));
}

TEST_F(RunFolder, TheExitFileOfASignalHandlerIsOneOfAnException) {
  fs::create_directories(folder_);
  const ExitRecord record = {74, 3, "no\"de", "hearth: error: gone \"/d a/x.h5\""};
  const auto text = [this] {
    std::ifstream file(folder_ + "/exit.json");
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  WriteExitFile(folder_, record);
  const std::string wanted = text();
  RemoveExitFile(folder_);
  PrepareExitFile(folder_, record);
  ::testing::internal::CaptureStderr();
  ReportFault({"hearth: error: gone ", "\"/d a/x.h5\""});
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "[rank 3 on no\"de] " + record.message + "\n");
  ClearFaultReport();
  EXPECT_EQ(text(), wanted);
}

TEST_F(RunFolder, AFolderThatEverybodyMayChangeIsRefused) {
  fs::create_directories(folder_);
  fs::permissions(folder_, fs::perms::all);
  EXPECT_THROW(Prepare(), PermissionError);
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(RunFolder, ALogThatIsALinkIsRefused) {
  Prepare();
  for (const std::string& log : {LogPath(folder_), MetricsPath(folder_)}) {
    fs::create_symlink("/dev/null", log);
    EXPECT_THROW(OpenRunFolder(folder_), DataError) << log;
    fs::remove(log);
  }
}

TEST_F(RunFolder, WhereAFileStandsNoFolderIsMade) {
  std::ofstream(folder_) << "a file";
  for (const std::string& wanted : {folder_, folder_ + "/run"}) {
    EXPECT_THAT(RefusalOf([&] { RequireWritableRunFolder(wanted); }),
                HasSubstr("run.dir: " + folder_ + " is not a folder"));
  }
  RequireWritableRunFolder(::testing::TempDir() + "none/none");
  EXPECT_FALSE(fs::exists(::testing::TempDir() + "none"));
}

TEST_F(RunFolder, MetricsAreAppendedLineByLine) {
  fs::create_directories(folder_);
  for (int start = 0; start < 2; ++start) {
    MetricsLog log(MetricsPath(folder_));
    log.Write({{"event", "step"}, {"loss", std::numeric_limits<double>::quiet_NaN()}});
    std::ifstream file(MetricsPath(folder_));
    std::string line;
    for (int i = 0; i <= start; ++i) ASSERT_TRUE(std::getline(file, line));
    EXPECT_EQ(line, R"({"event":"step","loss":null})");
    EXPECT_FALSE(std::getline(file, line));
  }
}

TEST(ConfigHash, ChangesWithEveryKeyThatMayNotChange) {
  Config config;
  const std::string before = ConfigHash(config);
  config.train.max_steps = 1;
  EXPECT_EQ(ConfigHash(config), before);
  config.run.seed = 2;
  EXPECT_NE(ConfigHash(config), before);
}

}  // namespace
}  // namespace hearth
