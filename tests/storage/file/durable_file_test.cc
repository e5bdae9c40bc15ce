#include "storage/file/durable_file.h"

#include <csignal>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/error.h"
#include "storage/file/mapped_file.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

/// An empty folder for this test case alone.
std::string NewFolder() {
  const auto* const info = ::testing::UnitTest::GetInstance()->current_test_info();
  const std::string folder = ::testing::TempDir() + "/hearth-" + std::to_string(::getpid()) + "-" +
                             info->test_suite_name() + "-" + info->name();
  fs::remove_all(folder);
  fs::create_directories(folder);
  return folder;
}

int64_t EntryCount(const std::string& folder) {
  return std::distance(fs::directory_iterator(folder), fs::directory_iterator());
}

/// While an object of this class lives, no file of this process may grow beyond the limit: writes
/// end short, then fail.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t limit_bytes) {
    ::getrlimit(RLIMIT_FSIZE, &old_);
    const rlimit lower{limit_bytes, old_.rlim_max};
    old_handler_ = std::signal(SIGXFSZ, SIG_IGN);
    ::setrlimit(RLIMIT_FSIZE, &lower);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &old_);
    std::signal(SIGXFSZ, old_handler_);
  }

 private:
  rlimit old_{};
  void (*old_handler_)(int) = nullptr;
};

TEST(DurableFile, WritesWhatItIsGivenAndLeavesNothingElse) {
  const std::string folder = NewFolder();
  const std::string bytes("a\0b\n", 4);
  WriteFileDurably(folder + "/file", bytes);
  EXPECT_EQ(ReadWholeFile(folder + "/file", 100), bytes);
  EXPECT_EQ(EntryCount(folder), 1);
}

TEST(DurableFile, ReplacesAnOldFile) {
  const std::string path = NewFolder() + "/file";
  WriteFileDurably(path, "old and longer");
  WriteFileDurably(path, "new");
  EXPECT_EQ(ReadWholeFile(path, 100), "new");
}

TEST(DurableFile, GivesTheAskedPermissionsSubjectToUmask) {
  const std::string folder = NewFolder();
  const mode_t old_mask = ::umask(027);
  WriteFileDurably(folder + "/private", "x");
  WriteFileDurably(folder + "/shared", "x", kSharedFile);
  ::umask(old_mask);
  EXPECT_EQ(fs::status(folder + "/private").permissions(), static_cast<fs::perms>(0600));
  EXPECT_EQ(fs::status(folder + "/shared").permissions(), static_cast<fs::perms>(0640));
}

TEST(DurableFile, AFailedWriteKeepsTheOldFileAndRemovesTheTemporaryOne) {
  const std::string folder = NewFolder();
  const std::string path = folder + "/file";
  WriteFileDurably(path, "old");
  {
    const FileSizeLimit limit(1000);
    EXPECT_THAT([&] { WriteFileDurably(path, std::string(5000, 'x')); },
                ThrowsMessage<StorageError>(HasSubstr(path)));
  }
  EXPECT_EQ(ReadWholeFile(path, 100), "old");
  EXPECT_EQ(EntryCount(folder), 1);
}

TEST(DurableFile, WithoutCommitNothingIsVisible) {
  const std::string folder = NewFolder();
  {
    const PendingFile file(folder + "/file");
    file.descriptor().Write("half");
    EXPECT_FALSE(fs::exists(folder + "/file"));
    EXPECT_TRUE(fs::exists(file.temporary_path()));
  }
  EXPECT_EQ(EntryCount(folder), 0);
}

TEST(DurableFile, CreateNewRefusesAnExistingNameAndAPlantedLink) {
  const std::string folder = NewFolder();
  WriteFileDurably(folder + "/canary", "alive");
  fs::create_symlink("canary", folder + "/link");
  EXPECT_THROW(FileDescriptor::CreateNew(folder + "/canary", 0600), StorageError);
  EXPECT_THROW(FileDescriptor::CreateNew(folder + "/link", 0600), StorageError);
  EXPECT_EQ(ReadWholeFile(folder + "/canary", 100), "alive");
}

TEST(DurableFile, AMissingFolderIsAStorageErrorNamingThePath) {
  const std::string path = NewFolder() + "/missing/file";
  EXPECT_THAT([&] { WriteFileDurably(path, "x"); },
              ThrowsMessage<StorageError>(HasSubstr("missing/file")));
}

TEST(DurableFile, RefusedAccessIsAPermissionError) {
  for (const int error_number : {EACCES, EPERM, EROFS}) {
    EXPECT_THAT([&] { ThrowFileError("write", "/some/file", error_number); },
                ThrowsMessage<PermissionError>(HasSubstr("cannot write '/some/file'")));
  }
  EXPECT_THROW(ThrowFileError("write", "/some/file", ENOSPC), StorageError);
}

TEST(DurableFile, RenameOfAMissingFileIsReported) {
  const std::string folder = NewFolder();
  EXPECT_THROW(RenameDurably(folder + "/none", folder + "/file"), StorageError);
}

TEST(FileDescriptor, ReadsOnlyRegularFiles) {
  const std::string folder = NewFolder();
  ASSERT_EQ(::mkfifo((folder + "/fifo").c_str(), 0600), 0);
  EXPECT_THROW(FileDescriptor::OpenForReading(folder + "/fifo"), DataError);
  EXPECT_THROW(FileDescriptor::OpenForReading(folder), DataError);
  EXPECT_THROW(FileDescriptor::OpenForReading(folder + "/none"), StorageError);
}

TEST(FileDescriptor, ReadingBeyondTheEndIsReported) {
  const std::string path = NewFolder() + "/file";
  WriteFileDurably(path, "12345");
  const FileDescriptor file = FileDescriptor::OpenForReading(path);
  std::string buffer(4, ' ');
  file.ReadAt(buffer.data(), 4, 1);
  EXPECT_EQ(buffer, "2345");
  EXPECT_THAT([&] { file.ReadAt(buffer.data(), 4, 2); },
              ThrowsMessage<StorageError>(HasSubstr("ends at byte 5")));
}

TEST(FileDescriptor, ReadWholeFileRefusesALargerFile) {
  const std::string path = NewFolder() + "/file";
  WriteFileDurably(path, "12345");
  EXPECT_EQ(ReadWholeFile(path, 5), "12345");
  EXPECT_THAT([&] { ReadWholeFile(path, 4); },
              ThrowsMessage<DataError>(HasSubstr("at most 4 are allowed")));
}

TEST(FileDescriptor, FolderOfAPath) {
  EXPECT_EQ(FolderOf("a/b/c"), "a/b");
  EXPECT_EQ(FolderOf("c"), ".");
  EXPECT_EQ(FolderOf("/c"), "/");
}

TEST(PendingFolder, AppearsWholeWithItsParents) {
  const std::string folder = NewFolder(), path = folder + "/a/b";
  PendingFolder pending(path + "/");
  WriteFileDurably(pending.temporary_path() + "/file", "x");
  EXPECT_FALSE(fs::exists(path));
  pending.Commit();
  EXPECT_EQ(ReadWholeFile(path + "/file", 10), "x");
  EXPECT_EQ(EntryCount(folder + "/a"), 1);
}

TEST(PendingFolder, GoesWithAllThatIsInItUnlessCommitted) {
  const std::string folder = NewFolder();
  {
    PendingFolder pending(folder + "/out");
    fs::create_directories(pending.temporary_path() + "/deep");
    WriteFileDurably(pending.temporary_path() + "/deep/file", "x");
  }
  EXPECT_EQ(EntryCount(folder), 0);
}

TEST(PendingFolder, TakesTheNameOfAnEmptyFolderOnly) {
  const std::string folder = NewFolder(), path = folder + "/out";
  fs::create_directory(path);
  PendingFolder pending(path);
  WriteFileDurably(path + "/other", "x");  // between construction and commit
  EXPECT_THAT([&] { pending.Commit(); }, ThrowsMessage<UsageError>(HasSubstr("is not empty")));
  EXPECT_THAT([&] { PendingFolder again(path); },
              ThrowsMessage<UsageError>(HasSubstr("is not empty")));
  EXPECT_THAT([&] { PendingFolder on_file(path + "/other"); },
              ThrowsMessage<UsageError>(HasSubstr("is no folder")));
  EXPECT_THAT([] { PendingFolder nameless(""); }, ThrowsMessage<UsageError>(HasSubstr("empty")));
  fs::remove(path + "/other");
  pending.Commit();
  EXPECT_EQ(EntryCount(folder), 1);
}

TEST(MappedFile, ShowsTheBytesAndOutlivesTheDescriptor) {
  const std::string path = NewFolder() + "/file";
  WriteFileDurably(path, "hearth");
  const MappedFile mapped(FileDescriptor::OpenForReading(path));
  mapped.Prefetch();
  EXPECT_EQ(std::string_view(mapped.data(), mapped.size_bytes()), "hearth");
}

TEST(MappedFile, AnEmptyFileIsAnEmptyMapping) {
  const std::string path = NewFolder() + "/file";
  WriteFileDurably(path, "");
  const MappedFile mapped(FileDescriptor::OpenForReading(path));
  mapped.Prefetch();
  EXPECT_EQ(mapped.size_bytes(), 0);
}

}  // namespace
}  // namespace hearth
