#include <memory>
#include <set>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/storage/checkpoint/fault_fixture.h"

namespace hearth {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class CheckpointPowerLoss : public CheckpointFaultFixture {
 protected:
  /// True when a save on a file system broken by `Broken` has a finding with these words.
  template <typename Broken>
  bool NoticesACrashOf(const std::string& words) {
    const std::vector<std::string> findings = FindingsOfEveryCrash(
        Newest, [](FileSystem& inner) { return std::make_unique<Broken>(inner); }, words);
    return ::testing::Matches(Contains(HasSubstr(words)))(findings);
  }
};

TEST_F(CheckpointPowerLoss, AfterEveryOperationOfASaveTheOldOrTheNewStepIsWhole) {
  EXPECT_THAT(FindingsOfEveryCrash(), IsEmpty());
  EXPECT_GE(crashes_tried_, 400);
}

// The tests below break hearth on purpose: a file system undoes one of its precautions, or a way to
// resume lacks one. The same harness must notice.

/// Answers syncs of folders without making them.
class WithoutFolderSync : public FileSystemDecorator {
 public:
  using FileSystemDecorator::FileSystemDecorator;
  int Open(const std::string& path, int flags, mode_t permissions) override {
    const int fd = inner_.Open(path, flags, permissions);
    if ((flags & O_DIRECTORY) != 0) folders_.insert(fd);
    return fd;
  }
  int Sync(int fd) override { return folders_.contains(fd) ? 0 : inner_.Sync(fd); }
  int Close(int fd) override {
    folders_.erase(fd);
    return inner_.Close(fd);
  }

 private:
  std::set<int> folders_;
};

/// Answers syncs of files without making them.
class WithoutFileSync : public WithoutFolderSync {
 public:
  using WithoutFolderSync::WithoutFolderSync;
  int Open(const std::string& path, int flags, mode_t permissions) override {
    const int fd = inner_.Open(path, flags, permissions);
    if ((flags & O_DIRECTORY) == 0) files_.insert(fd);
    return fd;
  }
  int Sync(int fd) override { return files_.contains(fd) ? 0 : inner_.Sync(fd); }
  int Close(int fd) override {
    files_.erase(fd);
    return inner_.Close(fd);
  }

 private:
  std::set<int> files_;
};

/// Puts all syncs off until after the rename that commits.
class RenamesBeforeSync : public FileSystemDecorator {
 public:
  using FileSystemDecorator::FileSystemDecorator;
  int Open(const std::string& path, int flags, mode_t permissions) override {
    const int fd = inner_.Open(path, flags, permissions);
    names_[fd] = path;
    return fd;
  }
  int Sync(int fd) override {
    put_off_.push_back(names_.at(fd));
    return 0;
  }
  int Rename(const std::string& from, const std::string& to) override {
    const int answer = inner_.Rename(from, to);
    const bool commits = ParseStepName(to.substr(to.rfind('/') + 1)).has_value();
    if (!commits) return answer;
    for (std::string name : put_off_) {
      if (name.starts_with(from)) name = to + name.substr(from.size());
      name = name.substr(0, name.find(".tmp-"));
      const int fd = inner_.Open(name, O_RDONLY, 0);
      if (fd < 0) continue;
      inner_.Sync(fd);
      inner_.Close(fd);
    }
    put_off_.clear();
    return answer;
  }

 private:
  std::map<int, std::string> names_;
  std::vector<std::string> put_off_;
};

/// The nth close of a written file loses its last bytes and reports an error, like a network file
/// system with a full server. If `silent` is set, the close reports success.
class LosesAtClose : public FileSystemDecorator {
 public:
  LosesAtClose(FileSystem& inner, int64_t nth, bool silent)
      : FileSystemDecorator(inner), nth_(nth), silent_(silent) {}
  int64_t Write(int fd, const void* data, int64_t size_bytes, int64_t offset) override {
    const int64_t count = inner_.Write(fd, data, size_bytes, offset);
    if (count > 0) ends_[fd] = offset + count;
    return count;
  }
  int Close(int fd) override {
    const auto written = ends_.find(fd);
    if (written == ends_.end()) return inner_.Close(fd);
    const int64_t last = written->second - 1;
    ends_.erase(written);
    if (closed_++ != nth_) return inner_.Close(fd);
    lost_ = true;
    inner_.Write(fd, "?", 1, last);
    inner_.Close(fd);
    if (silent_) return 0;
    return -EDQUOT;
  }
  bool lost() const { return lost_; }

 private:
  std::map<int, int64_t> ends_;
  int64_t nth_, closed_ = 0;
  bool silent_, lost_ = false;
};

TEST_F(CheckpointPowerLoss, TheHarnessNoticesAMissingSyncOfFolders) {
  EXPECT_TRUE(NoticesACrashOf<WithoutFolderSync>("committed was 30"));
}

TEST_F(CheckpointPowerLoss, TheHarnessNoticesAMissingSyncOfFiles) {
  EXPECT_TRUE(NoticesACrashOf<WithoutFileSync>("step-000030"));
}

TEST_F(CheckpointPowerLoss, TheHarnessNoticesARenameBeforeTheSyncs) {
  EXPECT_TRUE(NoticesACrashOf<RenamesBeforeSync>("step-000030"));
}

TEST_F(CheckpointPowerLoss, TheHarnessNoticesAnIgnoredFailureOfClose) {
  for (const bool silent : {false, true}) {
    std::vector<std::string> findings;
    int64_t nth = 0;
    for (bool lost = true; lost; ++nth) {
      LosesAtClose files(fast_, nth, silent);
      for (const std::string& finding : FindingsOfSaveOn(files, Newest)) {
        findings.push_back(finding);
      }
      lost = files.lost();
    }
    EXPECT_GT(nth, 2);
    if (silent) {
      EXPECT_THAT(findings, Contains(HasSubstr("committed was 30")));
    } else {
      EXPECT_THAT(findings, IsEmpty());
    }
  }
}

TEST_F(CheckpointPowerLoss, TheHarnessNoticesTrustInLatest) {
  const Resume trusting = [](const std::string& run_dir) {
    const std::string name = Slurp(run_dir + "/checkpoints/LATEST");
    return std::optional(run_dir + "/checkpoints/" + name.substr(0, name.find('\n')));
  };
  EXPECT_THAT(FindingsOfEveryFailure({.call = FileCall::kRename}, trusting),
              Contains(HasSubstr("resumes at 20, committed was 30")));
}

TEST_F(CheckpointPowerLoss, TheHarnessNoticesAHashNotCompared) {
  const Resume careless = [](const std::string& run_dir) {
    return std::optional(CheckpointPath(run_dir, ListSteps(run_dir).back()));
  };
  /// Silently stores one wrong bit, like a failing disk.
  class FlipsABit : public FileSystemDecorator {
   public:
    using FileSystemDecorator::FileSystemDecorator;
    int64_t Write(int fd, const void* data, int64_t size_bytes, int64_t offset) override {
      std::string bytes(static_cast<const char*>(data), size_bytes);
      bytes[bytes.size() / 2] ^= 4;
      return inner_.Write(fd, bytes.data(), size_bytes, offset);
    }
  };
  FlipsABit careless_disk(fast_);
  EXPECT_THAT(FindingsOfSaveOn(careless_disk, careless), Contains(HasSubstr("cannot resume")));

  // If the hash is compared, the run continues from the step before.
  StartOver();
  {
    FlipsABit disk(fast_);
    const ScopedFileSystem scope(disk);
    const auto [folder, manifest] = WriteAside(30);
    CommitCheckpoint(run_dir_, folder, manifest);
  }
  EXPECT_EQ(CheckpointFixture::Newest(), CheckpointPath(run_dir_, 20));
  EXPECT_THAT(refused_, Contains(HasSubstr("SHA-256 differs")));
}

}  // namespace
}  // namespace hearth
