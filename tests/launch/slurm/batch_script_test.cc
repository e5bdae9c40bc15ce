#include "launch/slurm/batch_script.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "common/error.h"
#include "common/text.h"
#include "tests/launch/command/run_hearth.h"
#include "tests/tools/paths.h"

namespace hearth {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

BatchJob SmallJob() {
  BatchJob job;
  job.folder = "/project/place";
  job.hearth = "/opt/hearth/bin/hearth";
  job.config = "configs/quickstart.yaml";
  job.run_dir = "/project/runs/first";
  return job;
}

std::string Script(const BatchJob& job) {
  return BatchScript(ShippedScript(SlurmLauncher::kMpirun), job);
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  for (const std::string_view line : SplitText(text, "\n")) lines.emplace_back(line);
  return lines;
}

std::string MessageOf(const BatchJob& job) {
  try {
    Script(job);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "not refused";
}

TEST(ShippedScript, IsTheFileOfTheSourceTree) {
  EXPECT_EQ(ShippedScript(SlurmLauncher::kMpirun),
            ReadWhole(testing::SourcePath("launch/slurm/train.sbatch")));
  EXPECT_EQ(ShippedScript(SlurmLauncher::kSrun),
            ReadWhole(testing::SourcePath("launch/slurm/train-srun.sbatch")));
}

TEST(ShippedScript, DiffersBetweenLaunchersInTheHeadAndTheLauncherAlone) {
  const auto common = [](SlurmLauncher launcher) {
    const std::string text(ShippedScript(launcher));
    const size_t from = text.find("#SBATCH --job-name"), until = text.find("\nfi\n\n#");
    const size_t rest = text.find("asked_by=''");
    EXPECT_TRUE(from < until && until < rest && rest != std::string::npos);
    return text.substr(from, until - from) + text.substr(rest);
  };
  EXPECT_EQ(common(SlurmLauncher::kMpirun), common(SlurmLauncher::kSrun));
}

TEST(BatchScript, AddsNothingButDirectivesAndValues) {
  const std::vector<std::string> shipped =
      Lines(std::string(ShippedScript(SlurmLauncher::kMpirun)));
  std::vector<std::string> added;
  size_t next = 0;
  for (const std::string& line : Lines(Script(SmallJob()))) {
    if (next < shipped.size() && line == shipped[next]) {
      ++next;
    } else {
      added.push_back(line);
    }
  }
  EXPECT_EQ(next, shipped.size());
  EXPECT_THAT(added, ::testing::ElementsAre(
                         "#SBATCH --chdir=/project/place", "CONFIG=configs/quickstart.yaml",
                         "RUN_DIR=/project/runs/first", "HEARTH=/opt/hearth/bin/hearth",
                         "SITE_ENV=''", "MAX_RESTARTS=20"));
}

TEST(BatchScript, TakesEveryOption) {
  BatchJob job = SmallJob();
  job.nodes = 3;
  job.ntasks_per_node = 8;
  job.cpus_per_task = 6;
  job.gpus_per_node = 4;
  job.time = "2-12:00";
  job.partition = "gpu";
  job.account = "research";
  job.site_env = "/etc/my site.env";
  job.max_restarts = 0;
  job.words = {"-c", "b.yaml", "eval.shots=[2, 3]"};
  const std::vector<std::string> lines = Lines(Script(job));
  for (const char* line :
       {"#SBATCH --nodes=3", "#SBATCH --ntasks-per-node=8", "#SBATCH --cpus-per-task=6",
        "#SBATCH --gpus-per-node=4", "#SBATCH --time=2-12:00", "#SBATCH --partition=gpu",
        "#SBATCH --account=research", "SITE_ENV='/etc/my site.env'", "MAX_RESTARTS=0",
        "set -- -c b.yaml 'eval.shots=[2, 3]'"}) {
    EXPECT_THAT(lines, Contains(line));
  }
  EXPECT_THAT(lines, Not(Contains("#SBATCH --nodes=1")));
}

TEST(BatchScript, KeepsDirectivesBeforeTheFirstCommand) {
  const std::string script = Script(SmallJob());
  EXPECT_LT(script.rfind("\n#SBATCH"), script.find("\nset -uo pipefail"));
}

TEST(BatchScript, FurtherOptionsWinOverTheScript) {
  BatchJob job = SmallJob();
  job.more = {"--qos=long", "--exclusive", "--signal=B:USR2@900"};
  const std::vector<std::string> lines = Lines(Script(job));
  EXPECT_THAT(lines, Contains("#SBATCH --qos=long"));
  EXPECT_THAT(lines, Contains("#SBATCH --exclusive"));
  EXPECT_THAT(lines, Contains("#SBATCH --signal=B:USR2@900"));
  EXPECT_THAT(lines, Not(Contains("#SBATCH --signal=B:USR2@300")));
}

TEST(BatchScript, RefusesWhatIsNoOption) {
  for (const char* option : {"qos=long", "-q", "--", "--=long", ""}) {
    BatchJob job = SmallJob();
    job.more = {option};
    EXPECT_THAT(MessageOf(job), HasSubstr("is no long option of sbatch")) << option;
  }
}

TEST(BatchScript, RefusesALineBreakInADirective) {
  BatchJob job = SmallJob();
  job.partition = "a\nrm -rf /";
  EXPECT_THAT(MessageOf(job), HasSubstr("--partition: a line break"));
}

TEST(BatchScript, RefusesATimeThatLeavesNoneToTrain) {
  BatchJob job = SmallJob();
  job.time = "9:59";
  EXPECT_THAT(MessageOf(job), HasSubstr("9:59 is too short"));
  job.time = "10";
  EXPECT_THAT(MessageOf(job), ::testing::StrEq("not refused"));
}

TEST(ParseSlurmTime, ReadsTheFormsOfSbatch) {
  EXPECT_EQ(ParseSlurmTime("90"), 90 * 60);
  EXPECT_EQ(ParseSlurmTime("90:30"), 90 * 60 + 30);
  EXPECT_EQ(ParseSlurmTime("01:30:15"), 5415);
  EXPECT_EQ(ParseSlurmTime("2-0"), 2 * 86400);
  EXPECT_EQ(ParseSlurmTime("1-02:03"), 86400 + 2 * 3600 + 3 * 60);
  EXPECT_EQ(ParseSlurmTime("1-02:03:04"), 86400 + 2 * 3600 + 3 * 60 + 4);
}

TEST(ParseSlurmTime, RefusesEverythingElse) {
  for (const char* text : {"", "a day", "1h", "1:2:3:4", ":30", "30:", "-5", "1-", "1-2-3", "+5",
                           "1.5", " 5", "9999999"}) {
    EXPECT_THROW(ParseSlurmTime(text), UsageError) << text;
  }
}

/// Runs the whole command. Slurm is not needed.
class LaunchSlurm : public ::testing::Test {
 protected:
  LaunchSlurm() {
    folder_ = ::testing::TempDir() + "launch_slurm_" + std::to_string(getpid());
    std::filesystem::create_directories(folder_);
    std::ofstream(folder_ + "/config.yaml") << "data: {path: data}\n";
    std::ofstream(folder_ + "/more.yaml") << "run: {dir: run}\n";
  }
  ~LaunchSlurm() override { std::filesystem::remove_all(folder_); }

  Outcome Print(const std::vector<std::string>& more) const {
    std::vector<std::string> words = {"launch", "slurm", "--print", "-c", folder_ + "/config.yaml"};
    words.insert(words.end(), more.begin(), more.end());
    return RunHearth(words);
  }

  std::string folder_;
};

TEST_F(LaunchSlurm, PrintsTheScriptOfTheLauncher) {
  for (const auto& [name, launcher] :
       {std::pair{"mpirun", SlurmLauncher::kMpirun}, std::pair{"srun", SlurmLauncher::kSrun}}) {
    const Outcome outcome = Print(
        {"--launcher", name, "--nodes", "2", "run.dir=" + folder_ + "/r", "meta.inner_steps=2"});
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    BatchJob job = SmallJob();
    job.nodes = 2;
    job.folder = std::filesystem::current_path().string();
    job.hearth = std::filesystem::read_symlink("/proc/self/exe").string();
    job.config = folder_ + "/config.yaml";
    job.run_dir = folder_ + "/r";
    job.words = {"meta.inner_steps=2"};
    EXPECT_EQ(outcome.out, BatchScript(ShippedScript(launcher), job));
  }
}

TEST_F(LaunchSlurm, FindsTheRunFolderInAConfigurationFile) {
  const Outcome outcome = Print({"-c", folder_ + "/more.yaml"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("\nRUN_DIR=" + folder_ + "/run\n"));
  EXPECT_THAT(outcome.out, HasSubstr("\nset -- -c " + folder_ + "/more.yaml\n"));
}

TEST_F(LaunchSlurm, RefusesAResumeThatDoesNotGoOn) {
  const Outcome outcome = Print({"run.dir=r", "checkpoint.resume=never"});
  EXPECT_EQ(outcome.code, 64);
  EXPECT_THAT(outcome.err, HasSubstr("checkpoint.resume is never"));
}

TEST_F(LaunchSlurm, ChecksTheConfigurationFirst) {
  const Outcome outcome = Print({"run.dir=r", "meta.inner_step=2"});
  EXPECT_EQ(outcome.code, 78);
  EXPECT_THAT(outcome.err, HasSubstr("unknown key 'meta.inner_step'"));
  EXPECT_EQ(outcome.out, "");
}

TEST_F(LaunchSlurm, RefusesASiteFileThatCannotBeRead) {
  const Outcome outcome = Print({"run.dir=r", "--site-env", folder_ + "/none"});
  EXPECT_EQ(outcome.code, 64);
  EXPECT_THAT(outcome.err, HasSubstr("--site-env: " + folder_ + "/none cannot be read"));
}

}  // namespace
}  // namespace hearth
