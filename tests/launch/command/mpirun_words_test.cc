#include "launch/command/mpirun_words.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/shell_text.h"
#include "tests/launch/command/run_hearth.h"
#include "tests/tools/paths.h"

namespace hearth {
namespace {

using ::testing::HasSubstr;

std::string Line(const MpirunJob& job) { return ShellLine(MpirunWords(job, {"hearth", "train"})); }

TEST(MpirunWords, GivesEachRankItsShareOfTheHardwareThreads) {
  EXPECT_EQ(Line({2, 16, "", {}}),
            "mpirun -np 2 --use-hwthread-cpus --map-by slot:PE=8 --bind-to hwthread "
            "--mca mpi_yield_when_idle 1 hearth train");
  EXPECT_THAT(Line({3, 16, "", {}}), HasSubstr("--map-by slot:PE=5 "));
  EXPECT_THAT(Line({16, 16, "", {}}), HasSubstr("--map-by slot:PE=1 "));
}

TEST(MpirunWords, MoreRanksThanHardwareThreadsShareThemUnbound) {
  EXPECT_EQ(
      Line({17, 16, "", {}}),
      "mpirun -np 17 --oversubscribe --bind-to none --mca mpi_yield_when_idle 1 hearth train");
}

TEST(MpirunWords, OtherHostsGetTheVariablesTheyNeed) {
  EXPECT_EQ(Line({16, 2, "my hosts", {"NCCL_DEBUG", "LD_LIBRARY_PATH"}}),
            "mpirun -np 16 --hostfile 'my hosts' --bind-to none -x NCCL_DEBUG -x LD_LIBRARY_PATH "
            "--mca mpi_yield_when_idle 1 hearth train");
}

/// The whole command on a small data set, the real binary under the real mpirun.
class LaunchLocal : public ::testing::Test {
 protected:
  LaunchLocal() {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = ::testing::TempDir() + "launch_local_" + test->name() + std::to_string(getpid());
    std::filesystem::create_directories(folder_);
    std::ofstream(folder_ + "/config.yaml") << "data: {path: data}\n"
                                               "run: {dir: run}\n"
                                               "tasks: {per_step: 8, chunk: 8}\n"
                                               "model: {dim: 4, layers: [4]}\n"
                                               "train: {max_steps: 2, device: cpu}\n";
  }
  ~LaunchLocal() override { std::filesystem::remove_all(folder_); }

  void MakeData() const {
    EXPECT_EQ(RunHearth({"data", "synth", "--output", folder_ + "/data", "--users", "60", "--items",
                         "48", "--events-per-user", "12"})
                  .code,
              0);
  }
  /// `hearth launch local -c config.yaml` and `more`, by a shell that has run `before`.
  Outcome Launch(const std::string& before, const std::string& more) const {
    const std::string command = before + " " + testing::HearthBinary() + " launch local -c " +
                                folder_ + "/config.yaml " + more + " >" + folder_ + "/out 2>" +
                                folder_ + "/err";
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, ReadWhole(folder_ + "/out"),
            ReadWhole(folder_ + "/err")};
  }

  static constexpr const char* kAllowed =
      "export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1;";
  std::string folder_;
};

TEST_F(LaunchLocal, TrainsOnTheRanksAskedFor) {
  MakeData();
  const Outcome outcome = Launch(kAllowed, "--ranks 2");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("2 ranks on cpu"));
  EXPECT_THAT(outcome.err, HasSubstr("done at step 2"));
}

TEST_F(LaunchLocal, EndsWithTheCodeOfTheRun) {
  EXPECT_EQ(Launch(kAllowed, "--ranks 2").code, 65);  // no data
}

TEST_F(LaunchLocal, ATerminatedLaunchSavesFirst) {
  MakeData();
  const std::string started = folder_ + "/run/checkpoints/LATEST";
  const Outcome outcome = Launch(std::string(kAllowed) + " { until [ -e " + started +
                                     " ]; do sleep 0.1; done; kill -TERM $$; } & exec",
                                 "--ranks 2 train.max_steps=1000000 checkpoint.every=10");
  EXPECT_EQ(outcome.code, 75) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("stopped as asked, with a checkpoint"));
}

TEST_F(LaunchLocal, PrintsALineThatCanBePasted) {
  const Outcome outcome = Launch("", "--ranks 1 --print 'run.name=a b'");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, ::testing::StartsWith("mpirun -np 1 "));
  EXPECT_THAT(outcome.out, ::testing::EndsWith(testing::HearthBinary() + " train -c " + folder_ +
                                               "/config.yaml 'run.name=a b'\n"));
}

TEST_F(LaunchLocal, SaysWhenRanksShareCpus) {
  const Outcome outcome = Launch("", "--ranks 100000 --print");
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.out, HasSubstr("--oversubscribe"));
  EXPECT_THAT(outcome.err, HasSubstr("100000 ranks share"));
}

TEST_F(LaunchLocal, SaysWhatRootHasToDo) {
  if (geteuid() != 0) GTEST_SKIP() << "needs to run as root";
  const Outcome outcome = Launch("unset OMPI_ALLOW_RUN_AS_ROOT;", "--ranks 1");
  EXPECT_EQ(outcome.code, 64);
  EXPECT_THAT(outcome.err, HasSubstr("set OMPI_ALLOW_RUN_AS_ROOT=1"));
}

TEST_F(LaunchLocal, SaysWhereMpirunComesFrom) {
  const Outcome outcome = Launch(std::string(kAllowed) + " PATH=/none", "--ranks 1");
  EXPECT_EQ(outcome.code, 64);
  EXPECT_THAT(outcome.err, HasSubstr("cannot start mpirun"));
  EXPECT_THAT(outcome.err, HasSubstr("openmpi-bin"));
}

}  // namespace
}  // namespace hearth
