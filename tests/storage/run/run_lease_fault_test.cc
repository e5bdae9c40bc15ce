#include <cerrno>
#include <filesystem>
#include <memory>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "common/error.h"
#include "storage/file/durable_file.h"
#include "storage/run/run_lease.h"
#include "tests/storage/support/file_system_doubles.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using State = StartRecord::State;

/// Starts of jobs in one run folder on storage that fails. The promise is: a start fails with an
/// error of storage or holds the folder; two jobs never hold it at the same time; later starts
/// work.
class RunLeaseFaults : public ::testing::Test {
 protected:
  RunLeaseFaults() : fast_(FileSystem::Posix()), scope_(fast_) {
    const auto* const info = ::testing::UnitTest::GetInstance()->current_test_info();
    run_ = ::testing::TempDir() + "/lease-" + std::to_string(::getpid()) + "-" + info->name();
    spdlog::set_level(spdlog::level::err);  // hundreds of starts have little to say
  }
  ~RunLeaseFaults() override {
    spdlog::set_level(level_before_);
    fs::remove_all(run_);
  }

  void NewRun() const {
    fs::remove_all(run_);
    fs::create_directories(run_);
  }

  /// A clock that stands still unless somebody waits; `on_wait` runs at each wait.
  LeaseOptions FakeTime(std::function<void()> on_wait = [] {}) {
    LeaseOptions options;
    options.beat_sec = 5.0;  // a start looks rarely while it waits: each look adds calls to fail
    options.stale_sec = 3.0;
    options.now_sec = [this] { return now_sec_; };
    options.sleep_sec = [this, on_wait = std::move(on_wait)](double seconds) {
      now_sec_ += seconds;
      on_wait();
    };
    return options;
  }

  std::unique_ptr<RunLease> Start() { return std::make_unique<RunLease>(run_, FakeTime()); }

  /// Starts under `files`. Returns nothing when the start failed with an error of storage.
  std::unique_ptr<RunLease> StartOn(FileSystem& files) {
    const ScopedFileSystem scope(files);
    try {
      return Start();
    } catch (const StorageError& error) {
      EXPECT_THAT(error.what(), HasSubstr(run_));
      return nullptr;
    }
  }

  static bool Holds(const RunLease* lease) {
    if (lease == nullptr) return false;
    try {
      lease->RequireHeld();
      return true;
    } catch (const CommError&) {
      return false;
    }
  }

  static int64_t OpenDescriptors() {
    return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator());
  }

  /// Calls `check` with every single failure of every kind of call, until no call fails any more.
  int64_t ForEveryFailure(const std::function<bool(const Failure&)>& check) {
    int64_t tried = 0;
    for (const FileCall call : kAllFileCalls) {
      // For the last kinds the call is made but its reply lost. A second try finds its effect.
      for (const Failure& kind :
           {Failure{.error = EIO}, Failure{.error = EIO, .ever_after = true},
            Failure{.error = ETIMEDOUT, .made = true}, Failure{.error = EEXIST, .made = true}}) {
        if (kind.error == EEXIST && call != FileCall::kOpen) continue;
        Failure failure = kind;
        failure.call = call;
        for (failure.nth = 0;; ++failure.nth, ++tried) {
          SCOPED_TRACE(fmt::format("{} call {}, error {}, ever after: {}", NameOf(call),
                                   failure.nth, failure.error, failure.ever_after));
          if (!check(failure)) break;
        }
      }
    }
    return tried;
  }

  UnsyncedFileSystem fast_;
  std::string run_;
  double now_sec_ = 1000.0;

 private:
  const spdlog::level::level_enum level_before_ = spdlog::get_level();
  ScopedFileSystem scope_;
};

TEST_F(RunLeaseFaults, EachCallOfALeaseFailsAndALaterStartWorks) {
  const int64_t tried = ForEveryFailure([&](const Failure& failure) {
    NewRun();
    FailingFileSystem failing(fast_, failure);
    const int64_t descriptors = OpenDescriptors();
    {
      const ScopedFileSystem scope(failing);
      try {
        RunLease lease(run_, FakeTime());
        lease.RecordBegin(0);
        lease.RequireHeld();
        EXPECT_TRUE(lease.Beat());
        lease.End(State::kDone);
      } catch (const StorageError& error) {
        EXPECT_TRUE(failing.failed());
        EXPECT_THAT(error.what(), HasSubstr(run_));
      }
    }
    EXPECT_EQ(OpenDescriptors(), descriptors);
    const auto later = Start();
    EXPECT_TRUE(Holds(later.get()));
    EXPECT_TRUE(later->Beat());
    EXPECT_EQ(later->number(), NewestStart(run_));
    return failing.failed();
  });
  EXPECT_GT(tried, 40);
}

TEST_F(RunLeaseFaults, EachCallOfATakeOverFailsAndNeverDoTwoHoldTheFolder) {
  const int64_t tried = ForEveryFailure([&](const Failure& failure) {
    NewRun();
    const auto old = Start();  // shows no beat
    FailingFileSystem failing(fast_, failure);
    const auto taker = StartOn(failing);
    EXPECT_TRUE(taker || failing.failed());
    EXPECT_EQ(Holds(taker.get()), taker != nullptr);
    EXPECT_FALSE(Holds(old.get()) && Holds(taker.get()));
    const auto later = Start();
    EXPECT_TRUE(Holds(later.get()));
    EXPECT_FALSE(Holds(old.get()) || Holds(taker.get()));
    return failing.failed();
  });
  EXPECT_GT(tried, 40);
}

TEST_F(RunLeaseFaults, AStartAtAnyMomentOfAnotherLeavesOneHolder) {
  for (const bool has_silent_holder : {false, true}) {
    int64_t nth = 0;
    for (;; ++nth) {
      SCOPED_TRACE(nth);
      NewRun();
      const auto silent = has_silent_holder ? Start() : nullptr;
      std::unique_ptr<RunLease> other;
      InterruptedFileSystem files(fast_, nth, [&] { other = Start(); });
      const ScopedFileSystem scope(files);
      std::unique_ptr<RunLease> lease;
      bool was_refused = false;
      try {
        // The other start shows that it lives when this one waits for it.
        lease = std::make_unique<RunLease>(run_, FakeTime([&] { other ? other->Beat() : false; }));
      } catch (const ConfigError&) {
        was_refused = true;
      }
      EXPECT_EQ(was_refused, lease == nullptr);
      EXPECT_FALSE(Holds(silent.get()));
      EXPECT_EQ(Holds(lease.get()) + Holds(other.get()), 1);
      if (!files.was_interrupted()) break;
    }
    EXPECT_GT(nth, has_silent_holder ? 30 : 6);
  }
}

TEST_F(RunLeaseFaults, AReplyThatIsLostWhenTheStartIsMadeCostsANumberAndNotTheFolder) {
  NewRun();
  fs::create_directories(run_ + "/starts");
  FailingFileSystem lost(fast_, {.call = FileCall::kOpen, .nth = 0, .error = EEXIST, .made = true});
  const auto lease = StartOn(lost);
  ASSERT_TRUE(lease);
  EXPECT_EQ(lease->number(), 2);
  EXPECT_TRUE(Holds(lease.get()));
}

TEST_F(RunLeaseFaults, WithoutFileLocksTheBeatAloneDecides) {
  NewRun();
  FailingFileSystem unlocked(
      fast_, {.call = FileCall::kLock, .nth = 0, .error = ENOLCK, .ever_after = true});
  const auto old = StartOn(unlocked);
  ASSERT_TRUE(old);
  const auto taker = StartOn(unlocked);
  ASSERT_TRUE(taker);
  EXPECT_NEAR(now_sec_, 1003.0, 0.5);
  EXPECT_FALSE(Holds(old.get()));
}

TEST_F(RunLeaseFaults, AFailedSyncOfABeatIsNotRepeatedAndTheNextBeatGoesOn) {
  NewRun();
  const auto lease = Start();
  FailingFileSystem failing(fast_, {.call = FileCall::kSyncBytes, .nth = 0});
  const ScopedFileSystem scope(failing);
  EXPECT_THROW(lease->Beat(), StorageError);
  EXPECT_EQ(failing.count(), 1);
  EXPECT_TRUE(lease->Beat());
}

}  // namespace
}  // namespace hearth
