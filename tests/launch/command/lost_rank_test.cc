// The real binary under mpirun, broken from outside. Any rank or launcher may be lost: the job ends
// in time and prints the reason.

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "common/clock.h"
#include "tests/launch/command/run_hearth.h"
#include "tests/tools/paths.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

/// Waits for an event of another process. False when it has not happened in time.
bool Within(double seconds, const std::function<bool()>& happened) {
  for (const double begin = SteadyNowSec(); SteadyNowSec() - begin < seconds;) {
    if (happened()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return happened();
}

bool IsAlive(pid_t pid) {
  const std::string status = ReadWhole(fmt::format("/proc/{}/stat", pid));
  const size_t end_of_name = status.rfind(')');
  return end_of_name != std::string::npos && status[end_of_name + 2] != 'Z';
}

class LostRank : public ::testing::Test {
 protected:
  LostRank() {
    folder_ = ::testing::TempDir() + "lost_rank_" + std::to_string(getpid());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    std::ofstream(folder_ + "/config.yaml") << "data: {path: data}\n"
                                               "run: {dir: run}\n"
                                               "tasks: {per_step: 24, chunk: 8}\n"
                                               "model: {dim: 4, layers: [4]}\n"
                                               "train: {max_steps: 100000000, device: cpu}\n"
                                               "checkpoint: {every: 0}\n"
                                               "eval: {every: 0}\n"
                                               "dist: {watchdog: 3s}\n";
    EXPECT_EQ(RunHearth({"data", "synth", "--output", folder_ + "/data", "--users", "60", "--items",
                         "48", "--events-per-user", "12"})
                  .code,
              0);
    Start();
  }
  ~LostRank() override {
    for (const auto& [rank, pid] : ranks_) kill(pid, SIGKILL);
    if (mpirun_ != 0) {
      kill(mpirun_, SIGKILL);
      waitpid(mpirun_, nullptr, 0);
    }
    fs::remove_all(folder_);
  }

  /// Three ranks that have trained for a while.
  void Start() {
    mpirun_ = fork();
    if (mpirun_ == 0) {
      setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
      setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
      const int err = open((folder_ + "/err").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
      dup2(err, STDERR_FILENO);
      dup2(err, STDOUT_FILENO);
      const std::string config = folder_ + "/config.yaml";
      execlp("mpirun", "mpirun", "--oversubscribe", "--mca", "mpi_yield_when_idle", "1", "-np", "3",
             testing::HearthBinary().c_str(), "train", "-c", config.c_str(), nullptr);
      _exit(127);
    }
    ASSERT_TRUE(Within(60, [this] { return HasTrained(); })) << Errors();
    for (const fs::directory_entry& entry : fs::directory_iterator("/proc")) {
      const pid_t pid = std::atoi(entry.path().filename().c_str());
      if (pid == 0 || ParentOf(pid) != mpirun_) continue;
      const std::string variables = ReadWhole(fmt::format("/proc/{}/environ", pid));
      for (int rank = 0; rank < 3; ++rank) {
        const std::string own = fmt::format("OMPI_COMM_WORLD_RANK={}", rank);
        if (variables.find(own) != std::string::npos) ranks_[rank] = pid;
      }
    }
    ASSERT_EQ(ranks_.size(), 3u);
  }
  bool HasTrained() const {
    return ReadWhole(folder_ + "/run/metrics.jsonl").find("\"step\":20") != std::string::npos;
  }
  static pid_t ParentOf(pid_t pid) {
    const std::string status = ReadWhole(fmt::format("/proc/{}/stat", pid));
    const size_t end_of_name = status.rfind(')');
    return end_of_name == std::string::npos ? 0 : std::atoi(status.c_str() + end_of_name + 4);
  }
  /// The exit code of mpirun, which must end within this time.
  int EndsWithin(double seconds) {
    int status = 0;
    const bool ended =
        Within(seconds, [&] { return waitpid(mpirun_, &status, WNOHANG) == mpirun_; });
    EXPECT_TRUE(ended) << "still running after " << seconds << " s\n" << Errors();
    if (!ended) return -1;
    mpirun_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  std::string Errors() const { return ReadWhole(folder_ + "/err"); }
  nlohmann::json ExitFile() const {
    return nlohmann::json::parse(ReadWhole(folder_ + "/run/exit.json"));
  }

  std::string folder_;
  pid_t mpirun_ = 0;
  std::map<int, pid_t> ranks_;
};

TEST_F(LostRank, AKilledRankEndsTheJobWithinFiveSeconds) {
  kill(ranks_[1], SIGKILL);
  EXPECT_NE(EndsWithin(5), 0);
}

TEST_F(LostRank, AStoppedRankIsNoticedByAllOthersWhichSayWhereTheyWait) {
  kill(ranks_[1], SIGSTOP);
  EXPECT_EQ(EndsWithin(3 + 10), 69) << Errors();
  for (const char* rank : {"[rank 0 on ", "[rank 2 on "}) EXPECT_THAT(Errors(), HasSubstr(rank));
  EXPECT_THAT(Errors(), HasSubstr("hearth: error: nothing moved for 3 s in phase "));
  EXPECT_EQ(ExitFile()["code"], 69);
  EXPECT_THAT(ExitFile()["message"].get<std::string>(),
              AllOf(HasSubstr("of step "), HasSubstr("collective "), HasSubstr("dist.watchdog")));
  EXPECT_THAT(ReadWhole(folder_ + "/run/log.txt"), HasSubstr("nothing moved for 3 s"));
}

TEST_F(LostRank, NoRankOutlivesAKilledLauncher) {
  kill(mpirun_, SIGKILL);
  EXPECT_EQ(EndsWithin(5), 128 + SIGKILL);
  EXPECT_TRUE(Within(
      10, [this] { return !IsAlive(ranks_[0]) && !IsAlive(ranks_[1]) && !IsAlive(ranks_[2]); }));
}

}  // namespace
}  // namespace hearth
