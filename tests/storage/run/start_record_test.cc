#include "storage/run/start_record.h"

#include <csignal>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/error.h"
#include "storage/file/durable_file.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;
using State = StartRecord::State;

StartRecord Example() {
  return {.number = 7,
          .process = {"node\"3\n", "6f1c", "pid:[1]", 4711, 99},
          .job_id = "98",
          .since = "2026-03-01T09:30:00Z",
          .beat = 12,
          .began_after_step = 500,
          .state = State::kFailed};
}

TEST(StartRecord, IsReadAsItWasWritten) {
  const StartRecord record = Example();
  const std::optional<StartRecord> read = ParseStart(SerializeStart(record));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->number, record.number);
  EXPECT_EQ(read->process, record.process);
  EXPECT_EQ(read->job_id, record.job_id);
  EXPECT_EQ(read->since, record.since);
  EXPECT_EQ(read->beat, record.beat);
  EXPECT_EQ(read->began_after_step, record.began_after_step);
  EXPECT_EQ(read->state, record.state);
}

TEST(StartRecord, HasOneSizeSoThatItCanBeWrittenInPlace) {
  StartRecord record = Example();
  const size_t size = SerializeStart(record).size();
  record.beat = INT64_MAX;
  record.job_id.clear();
  EXPECT_EQ(SerializeStart(record).size(), size);
}

TEST(StartRecord, EveryCutTextIsNoRecord) {
  const std::string whole = SerializeStart(Example());
  const size_t end = whole.find_last_of('}');
  for (size_t size = 0; size <= end; ++size) {
    EXPECT_FALSE(ParseStart(std::string_view(whole).substr(0, size))) << size;
  }
  EXPECT_TRUE(ParseStart(std::string_view(whole).substr(0, end + 1)));
}

TEST(StartRecord, AStateOfAnotherVersionIsNoRecord) {
  std::string text = SerializeStart(Example());
  text.replace(text.find("failed"), 6, "asleep");
  EXPECT_FALSE(ParseStart(text));
}

TEST(StartRecord, AFolderThatCannotBeListedIsAnErrorOfStorage) {
  const std::string run = ::testing::TempDir() + "/no-starts-" + std::to_string(::getpid());
  fs::create_directories(run);
  WriteFileDurably(run + "/starts", "");
  EXPECT_THROW(NewestStart(run), StorageError);
  fs::remove_all(run);
}

TEST(StartRecord, OtherFilesInTheFolderAreNoStarts) {
  const std::string run = ::testing::TempDir() + "/starts-" + std::to_string(::getpid());
  fs::remove_all(run);
  EXPECT_EQ(NewestStart(run), 0);
  fs::create_directories(run + "/starts");
  EXPECT_EQ(NewestStart(run), 0);
  WriteFileDurably(StartPath(run, 2), SerializeStart(Example()));
  for (const char* name : {"/starts/9.json", "/starts/000009", "/starts/x.json"}) {
    WriteFileDurably(run + name, "");
  }
  EXPECT_EQ(NewestStart(run), 2);
  EXPECT_EQ(ReadStarts(run).size(), 1u);
  fs::remove_all(run);
}

std::vector<StartRecord> Starts(const std::vector<std::pair<int64_t, State>>& facts) {
  std::vector<StartRecord> starts;
  for (const auto& [step, state] : facts) {
    StartRecord record;
    record.number = std::ssize(starts) + 1;
    record.began_after_step = step;
    record.state = state;
    starts.push_back(record);
  }
  return starts;
}

TEST(FruitlessStarts, CountsTriesInARowThatBroughtNoNewerCheckpoint) {
  const auto dead = State::kRunning, failed = State::kFailed, done = State::kDone;
  EXPECT_EQ(FruitlessStarts({}, 0), 0);
  EXPECT_EQ(FruitlessStarts(Starts({{0, dead}, {0, failed}}), 0), 2);
  EXPECT_EQ(FruitlessStarts(Starts({{0, dead}, {100, dead}, {100, failed}, {100, dead}}), 100), 3);
  EXPECT_EQ(FruitlessStarts(Starts({{100, dead}, {100, dead}}), 200), 0) << "a newer one is there";
  EXPECT_EQ(FruitlessStarts(Starts({{100, dead}, {100, done}, {100, dead}}), 100), 1);
  EXPECT_EQ(FruitlessStarts(Starts({{100, dead}, {-1, failed}, {100, dead}}), 100), 2)
      << "a start that was refused never tried";
}

TEST(ProcessIdentity, ThisProcessIsNotGone) {
  const ProcessIdentity self = ThisProcess();
  EXPECT_GT(self.start_ticks, 0);
  EXPECT_FALSE(self.boot_id.empty());
  EXPECT_FALSE(IsGone(self));
}

TEST(ProcessIdentity, AnotherProcessWithTheSameNumberIsNotTheOneThatIsGone) {
  ProcessIdentity earlier = ThisProcess();
  --earlier.start_ticks;
  EXPECT_TRUE(IsGone(earlier));
}

TEST(ProcessIdentity, NothingIsKnownOfOtherBootsAndNamespaces) {
  for (std::string ProcessIdentity::*field :
       {&ProcessIdentity::boot_id, &ProcessIdentity::pid_namespace}) {
    ProcessIdentity earlier = ThisProcess();
    --earlier.start_ticks;
    earlier.*field = "other";
    EXPECT_FALSE(IsGone(earlier));
    (earlier.*field).clear();
    EXPECT_FALSE(IsGone(earlier));
  }
}

TEST(ProcessIdentity, AKilledProcessIsGoneBeforeAndAfterItsParentTakesNotice) {
  int pipe_ends[2];
  ASSERT_EQ(::pipe(pipe_ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(pipe_ends[0]);
    ::pause();
    ::_exit(0);
  }
  ProcessIdentity identity = ThisProcess();
  identity.pid = child;
  ::close(pipe_ends[1]);
  ::kill(child, SIGKILL);
  siginfo_t info;
  ::waitid(P_PID, child, &info, WEXITED | WNOWAIT);
  EXPECT_TRUE(IsGone(identity));
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(IsGone(identity));
  ::close(pipe_ends[0]);
}

}  // namespace
}  // namespace hearth
