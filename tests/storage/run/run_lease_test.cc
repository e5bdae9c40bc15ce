#include "storage/run/run_lease.h"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/error.h"
#include "storage/file/durable_file.h"
#include "tests/storage/support/file_system_doubles.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;
using State = StartRecord::State;

class RunLeaseTest : public ::testing::Test {
 protected:
  RunLeaseTest() {
    const auto* const info = ::testing::UnitTest::GetInstance()->current_test_info();
    run_ = ::testing::TempDir() + "/lease-" + std::to_string(::getpid()) + "-" + info->name();
    NewRun();
  }
  ~RunLeaseTest() override { fs::remove_all(run_); }

  void NewRun() const {
    fs::remove_all(run_);
    fs::create_directories(run_ + "/starts");
  }
  StartRecord Record(int64_t number) const {
    return ParseStart(ReadWholeFile(StartPath(run_, number), 4096)).value();
  }
  void Plant(const StartRecord& record) const {
    WriteFileDurably(StartPath(run_, record.number), SerializeStart(record));
  }
  /// A start of a process that cannot be looked at from here.
  static StartRecord OnAnotherHost() {
    return {.number = 1,
            .process = {"node3", "6f1c", "pid:[1]", 4711, 99},
            .job_id = "98",
            .since = "2026-03-01T09:30:00Z"};
  }
  static StartRecord OfADeadProcess() {
    StartRecord record = OnAnotherHost();
    record.process = ThisProcess();
    --record.process.start_ticks;
    return record;
  }

  /// A clock that stands still unless somebody waits; `on_wait` runs at each wait.
  LeaseOptions FakeTime(std::function<void()> on_wait = [] {}) {
    LeaseOptions options;
    options.now_sec = [this] { return now_sec_; };
    options.sleep_sec = [this, on_wait = std::move(on_wait)](double seconds) {
      now_sec_ += seconds;
      on_wait();
    };
    return options;
  }

  std::string run_;
  double now_sec_ = 1000.0;
};

TEST_F(RunLeaseTest, StartsAreNumberedAndRecorded) {
  for (int64_t number = 1; number <= 3; ++number) {
    LeaseOptions options = FakeTime();
    options.job_id = "98";
    RunLease lease(run_, options);
    EXPECT_EQ(lease.number(), number);
    EXPECT_EQ(Record(number).process, ThisProcess());
    EXPECT_EQ(Record(number).job_id, "98");
    EXPECT_EQ(Record(number).state, State::kRunning);
    lease.RecordBegin(10 * number);
    lease.End(State::kDone);
    EXPECT_EQ(Record(number).began_after_step, 10 * number);
    EXPECT_EQ(Record(number).state, State::kDone);
    EXPECT_EQ(fs::status(StartPath(run_, number)).permissions(), static_cast<fs::perms>(0600));
  }
  EXPECT_EQ(now_sec_, 1000.0) << "nobody had to wait";
}

TEST_F(RunLeaseTest, AnErrorEndsTheLeaseAsFailed) {
  { const RunLease lease(run_, FakeTime()); }
  EXPECT_EQ(Record(1).state, State::kFailed);
  const RunLease next(run_, FakeTime());
  EXPECT_EQ(next.number(), 2);
}

TEST_F(RunLeaseTest, AFolderWhoseHolderBeatsIsRefusedNamingTheHolder) {
  StartRecord holder = OnAnotherHost();
  Plant(holder);
  const auto beat = [&] {
    if (now_sec_ < 1001.0) return;
    ++holder.beat;
    Plant(holder);
  };
  EXPECT_THAT([&] { RunLease lease(run_, FakeTime(beat)); },
              ThrowsMessage<ConfigError>(
                  AllOf(HasSubstr(run_), HasSubstr("process 4711 on node3 (batch job 98)"),
                        HasSubstr("since 2026-03-01T09:30:00Z"), HasSubstr("another run.dir"))));
  EXPECT_LE(now_sec_, 1005.0);
  EXPECT_EQ(NewestStart(run_), 1);
}

TEST_F(RunLeaseTest, AHolderThatEndsMeanwhileIsFollowedAtOnce) {
  StartRecord holder = OnAnotherHost();
  Plant(holder);
  const RunLease lease(run_, FakeTime([&] {
                         holder.state = State::kDone;
                         Plant(holder);
                       }));
  EXPECT_EQ(lease.number(), 2);
  EXPECT_LE(now_sec_, 1001.0);
}

TEST_F(RunLeaseTest, ASilentHolderOfAnotherHostIsTakenOverAfterTheLimitOnOwnTime) {
  Plant(OnAnotherHost());
  const RunLease lease(run_, FakeTime());
  EXPECT_EQ(lease.number(), 2);
  EXPECT_NEAR(now_sec_, 1030.0, 0.5);
}

TEST_F(RunLeaseTest, ADeadHolderOfThisHostIsTakenOverAtOnce) {
  Plant(OfADeadProcess());
  const RunLease lease(run_, FakeTime());
  EXPECT_EQ(lease.number(), 2);
  EXPECT_EQ(now_sec_, 1000.0);
}

TEST_F(RunLeaseTest, AHolderWhoseFileIsLockedIsNotTakenForGone) {
  // The process runs in a container: its number means another process here.
  auto holder = std::make_unique<RunLease>(run_, FakeTime());
  std::fstream file(StartPath(run_, 1), std::ios::in | std::ios::out);
  StartRecord disguised = OfADeadProcess();
  file << SerializeStart(disguised) << std::flush;
  const RunLease lease(run_, FakeTime());
  EXPECT_NEAR(now_sec_, 1030.0, 0.5);
  holder.reset();
}

TEST_F(RunLeaseTest, ARecordThatWasNeverWrittenIsTakenOverAfterTheLimit) {
  WriteFileDurably(StartPath(run_, 1), "");
  const RunLease lease(run_, FakeTime());
  EXPECT_EQ(lease.number(), 2);
  EXPECT_NEAR(now_sec_, 1030.0, 0.5);
}

TEST_F(RunLeaseTest, OfTwoThatWaitForADeadOneTheSlowerSeesTheFaster) {
  Plant(OnAnotherHost());
  std::unique_ptr<RunLease> faster;
  const auto overtake = [&] {
    if (now_sec_ < 1029.95) return;
    LeaseOptions impatient;
    impatient.stale_sec = 0.0;
    if (!faster) faster = std::make_unique<RunLease>(run_, impatient);
    faster->Beat();
  };
  EXPECT_THAT([&] { RunLease lease(run_, FakeTime(overtake)); },
              ThrowsMessage<ConfigError>(HasSubstr("process " + std::to_string(::getpid()))));
  ASSERT_TRUE(faster);
  EXPECT_EQ(faster->number(), 2);
}

TEST_F(RunLeaseTest, AHolderThatWasTakenOverIsFenced) {
  RunLease old(run_, FakeTime());
  old.RequireHeld();
  EXPECT_TRUE(old.Beat());
  const RunLease taker(run_, FakeTime());  // in this process, which runs: after the whole wait
  EXPECT_NEAR(now_sec_, 1030.0, 0.5);
  EXPECT_THAT([&] { old.RequireHeld(); },
              ThrowsMessage<CommError>(AllOf(HasSubstr(run_), HasSubstr("taken over"))));
  EXPECT_FALSE(old.Beat());
  taker.RequireHeld();
  old.End(State::kFailed);
  taker.RequireHeld();
  EXPECT_EQ(Record(2).state, State::kRunning);
}

TEST_F(RunLeaseTest, TheBeatingThreadReportsTheLoss) {
  LeaseOptions options;
  options.beat_sec = 0.001;
  RunLease lease(run_, options);
  std::promise<std::string> lost;
  lease.StartBeating([&](const std::string& message) { lost.set_value(message); });
  StartRecord next = OnAnotherHost();
  next.number = 2;
  Plant(next);
  EXPECT_THAT(lost.get_future().get(), HasSubstr("taken over"));
}

TEST_F(RunLeaseTest, AFolderThatCannotBeWrittenIsAnErrorOfStorage) {
  EXPECT_THROW(RunLease(run_ + "/none", FakeTime()), StorageError);
  fs::remove(run_ + "/starts");
  fs::create_symlink(run_ + "/nowhere", run_ + "/starts");
  EXPECT_THAT([&] { RunLease(run_, FakeTime()); },
              ThrowsMessage<StorageError>(HasSubstr("cannot create")));
}

TEST_F(RunLeaseTest, AStartThatIsALinkIsNotLookedInto) {
  const StartRecord dead = OfADeadProcess();
  WriteFileDurably(run_ + "/elsewhere", SerializeStart(dead));
  fs::create_symlink(run_ + "/elsewhere", StartPath(run_, dead.number));
  EXPECT_THAT([&] { RunLease(run_, FakeTime()); },
              ThrowsMessage<DataError>(HasSubstr("is not a regular file but a link")));
}

TEST_F(RunLeaseTest, ARecordThatIsWrittenInPartIsNoLease) {
  FullFileSystem full(FileSystem::Posix(), 10, false);
  {
    const ScopedFileSystem scope(full);
    EXPECT_THAT([&] { RunLease(run_, FakeTime()); },
                ThrowsMessage<StorageError>(HasSubstr("No space left")));
  }
  EXPECT_NO_THROW(RunLease(run_, FakeTime()));
}

TEST_F(RunLeaseTest, AFolderThatIsGoneIsNotTakenForUntaken) {
  const RunLease lease(run_, FakeTime());
  fs::rename(run_ + "/starts", run_ + "/moved");
  WriteFileDurably(run_ + "/starts", "");
  EXPECT_THAT([&] { lease.RequireHeld(); },
              ThrowsMessage<StorageError>(HasSubstr("cannot look at")));
  fs::remove(run_ + "/starts");
  fs::rename(run_ + "/moved", run_ + "/starts");
}

/// A job in its own process. It takes the lease, beats, and answers questions.
class LeaseProcess {
 public:
  explicit LeaseProcess(const std::string& run) {
    EXPECT_EQ(::pipe(to_), 0);
    EXPECT_EQ(::pipe(from_), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::close(to_[1]);
      ::close(from_[0]);
      Live(run);
      ::_exit(0);
    }
    ::close(to_[0]);
    ::close(from_[1]);
  }
  ~LeaseProcess() {
    ::close(to_[1]);
    ::close(from_[0]);
    if (!collected_) Collect();
  }

  pid_t pid() const { return pid_; }
  void Ask(char question) const { EXPECT_EQ(::write(to_[1], &question, 1), 1); }
  /// The letter 'h' means that the job holds the folder, 'r' that ConfigError refused it, 'f' that
  /// it was fenced.
  char Answer() const {
    char answer = '?';
    EXPECT_EQ(::read(from_[0], &answer, 1), 1);
    return answer;
  }
  void Collect() {
    ::waitpid(pid_, nullptr, 0);
    collected_ = true;
  }

 private:
  void Live(const std::string& run) const {
    const auto tell = [this](char answer) { return ::write(from_[1], &answer, 1) == 1; };
    std::unique_ptr<RunLease> lease;
    for (char question; ::read(to_[0], &question, 1) == 1;) {
      try {
        if (lease) {
          lease->RequireHeld();
        } else {
          LeaseOptions options;
          options.beat_sec = 0.01;
          lease = std::make_unique<RunLease>(run, options);
          lease->StartBeating([](const std::string&) {});
        }
        tell('h');
      } catch (const ConfigError&) {
        tell('r');
      } catch (const CommError&) {
        tell('f');
      }
    }
  }

  int to_[2], from_[2];
  pid_t pid_ = 0;
  bool collected_ = false;
};

TEST_F(RunLeaseTest, OfTwoProcessesThatStartTogetherExactlyOneHoldsTheFolder) {
  for (int race = 0; race < 100; ++race) {
    NewRun();
    if (race % 2 == 1) Plant(OfADeadProcess());  // both take over
    LeaseProcess a(run_), b(run_);
    a.Ask('t');
    b.Ask('t');
    const std::string answers = {a.Answer(), b.Answer()};
    EXPECT_TRUE(answers == "hr" || answers == "rh") << answers << " in race " << race;
    EXPECT_EQ(NewestStart(run_), race % 2 + 1);
  }
}

TEST_F(RunLeaseTest, AKilledProcessIsFollowedWithoutWaiting) {
  LeaseProcess killed(run_);
  killed.Ask('t');
  ASSERT_EQ(killed.Answer(), 'h');
  ::kill(killed.pid(), SIGKILL);
  killed.Collect();
  const RunLease lease(run_, FakeTime());
  EXPECT_EQ(lease.number(), 2);
  EXPECT_EQ(now_sec_, 1000.0);
}

TEST_F(RunLeaseTest, AStoppedProcessIsTakenOverAndFencedWhenItWakes) {
  LeaseProcess stopped(run_);
  stopped.Ask('t');
  ASSERT_EQ(stopped.Answer(), 'h');
  ::kill(stopped.pid(), SIGSTOP);
  ::waitpid(stopped.pid(), nullptr, WUNTRACED);
  const RunLease lease(run_, FakeTime());
  EXPECT_EQ(lease.number(), 2);
  EXPECT_NEAR(now_sec_, 1030.0, 0.5);
  ::kill(stopped.pid(), SIGCONT);
  stopped.Ask('h');
  EXPECT_EQ(stopped.Answer(), 'f');
  lease.RequireHeld();
}

}  // namespace
}  // namespace hearth
