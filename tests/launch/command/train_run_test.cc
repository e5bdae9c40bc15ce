// `hearth train` as a process among others: one job per run folder, stop signals at exact places,
// starts that bring nothing. Runs are broken by a hook on phases, which the forked program
// inherits.

#include "launch/command/train_run.h"

#include <csignal>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/phase.h"
#include "storage/checkpoint/folder.h"
#include "storage/checkpoint/reader.h"
#include "storage/file/durable_file.h"
#include "storage/run/start_record.h"
#include "tests/launch/command/run_hearth.h"
#include "trainer/tensor/training_phases.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::string run_folder;  // of the test that runs, for hooks

class TrainRunTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = ::testing::TempDir() + "train_run_" + std::to_string(getpid());
    fs::create_directories(folder_);
    std::ofstream(folder_ + "/config.yaml") << "data: {path: data}\n"
                                               "tasks: {per_step: 8, chunk: 8}\n"
                                               "model: {dim: 4, layers: [4]}\n"
                                               "meta: {inner_steps: 1}\n"
                                               "train: {max_steps: 1000000, device: cpu}\n"
                                               "checkpoint: {every: 1, keep: 100}\n";
    EXPECT_EQ(RunHearth({"data", "synth", "--output", folder_ + "/data", "--users", "60", "--items",
                         "48", "--events-per-user", "12"})
                  .code,
              0);
  }
  static void TearDownTestSuite() { fs::remove_all(folder_); }

  TrainRunTest() {
    run_folder = folder_ + "/" + ::testing::UnitTest::GetInstance()->current_test_info()->name();
  }
  ~TrainRunTest() override { SetPhaseHook(nullptr); }

  static std::vector<std::string> Train(const std::vector<std::string>& settings = {}) {
    std::vector<std::string> words = {"train", "-c", folder_ + "/config.yaml",
                                      "run.dir=" + run_folder};
    words.insert(words.end(), settings.begin(), settings.end());
    return words;
  }
  /// The outcome of a run that the hook breaks.
  static Outcome TrainWith(PhaseHook hook, const std::vector<std::string>& settings = {}) {
    SetPhaseHook(hook);
    const Outcome outcome = RunHearth(Train(settings));
    SetPhaseHook(nullptr);
    return outcome;
  }
  static StartRecord Record(int64_t number) {
    return ParseStart(ReadWhole(StartPath(run_folder, number))).value();
  }

  /// Folders of saves that were not committed.
  static int64_t UnfinishedCount() {
    int64_t count = 0;
    for (const fs::directory_entry& entry : fs::directory_iterator(run_folder + "/checkpoints")) {
      if (entry.path().filename().string().find(".tmp-") != std::string::npos) ++count;
    }
    return count;
  }

  static std::string folder_;
};
std::string TrainRunTest::folder_;

bool IsAt(Phase phase, Phase wanted, int64_t step) {
  return phase == wanted && CurrentPhase().step == step;
}

TEST_F(TrainRunTest, ASecondJobIsRefusedWhileTheFirstOneRuns) {
  // The first job, at an exact place, starts the second one and then asks itself to stop.
  const Outcome first = TrainWith([](Phase phase) {
    if (!IsAt(phase, kLoadPhase, 2)) return;
    SetPhaseHook(nullptr);
    const auto begin = std::chrono::steady_clock::now();
    const Outcome second = RunHearth(Train());
    const std::chrono::duration<double> waited = std::chrono::steady_clock::now() - begin;
    std::fprintf(stderr, "second: code %d in time %d: %s", second.code, waited.count() <= 5.0,
                 second.err.c_str());
    raise(SIGUSR2);
  });
  EXPECT_EQ(first.code, 75) << first.err;
  EXPECT_THAT(first.err, HasSubstr("second: code 78 in time 1"));
  EXPECT_THAT(first.err,
              AllOf(HasSubstr("run.dir: " + run_folder + " is in use by another job: process " +
                              std::to_string(Record(1).process.pid)),
                    HasSubstr("give another run.dir")));
  EXPECT_EQ(NewestStart(run_folder), 1);
  EXPECT_EQ(Record(1).state, StartRecord::State::kDone);
  EXPECT_FALSE(fs::exists(run_folder + "/exit.json"));
}

TEST_F(TrainRunTest, AJobThatLostTheFolderCommitsNothingAndLeavesNoTrace) {
  const Outcome outcome = TrainWith([](Phase phase) {
    if (phase != kSaveGatherPhase || PathExists(StartPath(run_folder, 2))) return;
    StartRecord other;
    other.number = 2;
    other.process = {"node3", "6f1c", "pid:[1]", 4711, 99};
    WriteFileDurably(StartPath(run_folder, 2), SerializeStart(other));
  });
  EXPECT_EQ(outcome.code, 69) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("was taken over by another job"));
  EXPECT_THAT(ListSteps(run_folder), IsEmpty());
  EXPECT_FALSE(fs::exists(run_folder + "/exit.json"));
  EXPECT_EQ(Record(2).state, StartRecord::State::kRunning);
}

TEST_F(TrainRunTest, ToStopDuringASaveEndsWithSoundCheckpointsUpToTheLastStep) {
  for (const Phase phase :
       {kSavePhase, kSavePreparePhase, kSaveWritePhase, kSaveGatherPhase, kSaveCommitPhase}) {
    static Phase when;
    when = phase;
    fs::remove_all(run_folder);
    const Outcome outcome = TrainWith([](Phase now) {
      if (now != when) return;
      raise(SIGUSR2);
      raise(SIGUSR2);
      raise(SIGTERM);
    });
    EXPECT_EQ(outcome.code, 75) << phase.name << outcome.err;
    const std::vector<int64_t> steps = ListSteps(run_folder);
    ASSERT_THAT(steps, Not(IsEmpty())) << phase.name;
    for (const int64_t step : steps) VerifyCheckpoint(CheckpointPath(run_folder, step));
    EXPECT_LE(steps.back(), 3) << phase.name << ": the save, the step it asks in, one more";
    EXPECT_THAT(outcome.err, HasSubstr(fmt::format("at step {} after", steps.back())));
    EXPECT_EQ(UnfinishedCount(), 0) << phase.name;
  }
}

TEST_F(TrainRunTest, ToStopBeforeTheFirstStepEndsWithACheckpointOfIt) {
  const Outcome outcome = TrainWith([](Phase phase) {
    if (IsAt(phase, kLoadPhase, 0)) raise(SIGUSR2);
  });
  EXPECT_EQ(outcome.code, 75) << outcome.err;
  EXPECT_THAT(ListSteps(run_folder), ElementsAre(0, 1));
}

TEST_F(TrainRunTest, StartsThatDieWithoutProgressEndWithTheReason) {
  EXPECT_EQ(RunHearth(Train({"train.max_steps=2"})).code, 0);
  const auto die = [](Phase phase) {
    if (IsAt(phase, kComputePhase, 2)) raise(SIGKILL);
  };
  for (int start = 0; start < 3; ++start) EXPECT_EQ(TrainWith(die).code, 128 + SIGKILL);
  const Outcome refused = TrainWith(die);
  EXPECT_EQ(refused.code, 70);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("the last 3 starts"), HasSubstr("newer than step 2"),
                                 HasSubstr("checkpoint.max_fruitless_starts=0")));
  EXPECT_EQ(RunHearth(Train({"train.max_steps=4"})).code, 70) << "stays so";
  const Outcome insisted =
      RunHearth(Train({"train.max_steps=4", "checkpoint.max_fruitless_starts=0"}));
  EXPECT_EQ(insisted.code, 0) << insisted.err;
  EXPECT_EQ(RunHearth(Train({"train.max_steps=5"})).code, 0);
}

TEST_F(TrainRunTest, ASaveThatWasKilledIsTakenAwayByTheNextStart) {
  EXPECT_EQ(TrainWith([](Phase phase) {
              if (phase == kSaveCommitPhase) raise(SIGKILL);
            }).code,
            128 + SIGKILL);
  EXPECT_EQ(UnfinishedCount(), 1);
  EXPECT_EQ(RunHearth(Train({"train.max_steps=3"})).code, 0);
  EXPECT_EQ(UnfinishedCount(), 0);
}

TEST_F(TrainRunTest, ARunIsReadableByItsUserAlone) {
  EXPECT_EQ(RunHearth(Train({"train.max_steps=1"})).code, 0);
  constexpr auto kOthers = fs::perms::group_all | fs::perms::others_all;
  EXPECT_EQ(fs::status(run_folder).permissions() & kOthers, fs::perms::none);
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(run_folder)) {
    EXPECT_EQ(entry.status().permissions() & kOthers, fs::perms::none) << entry.path();
  }
}

}  // namespace
}  // namespace hearth
