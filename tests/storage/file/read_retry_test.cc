#include "storage/file/read_retry.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <filesystem>
#include <functional>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "common/error.h"
#include "storage/file/durable_file.h"
#include "tests/storage/support/file_system_doubles.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::ThrowsMessage;

/// Some reads in a row fail, or return 0 bytes (error 0).
class FlakyReads : public FileSystemDecorator {
 public:
  FlakyReads(FileSystem& inner, int error, int64_t first, int64_t count)
      : FileSystemDecorator(inner), error_(error), first_(first), end_(first + count) {}

  int64_t Read(int fd, void* data, int64_t size_bytes, int64_t offset) override {
    const int64_t number = count_++;
    if (number >= first_ && number < end_) return -error_;
    return inner_.Read(fd, data, size_bytes, offset);
  }
  int64_t count() const { return count_; }

 private:
  int error_;
  int64_t first_, end_, count_ = 0;
};

/// A server that has forgotten the handles it gave out: reads need a newly opened handle.
class ForgetfulServer : public FileSystemDecorator {
 public:
  using FileSystemDecorator::FileSystemDecorator;

  int Open(const std::string& path, int flags, mode_t permissions) override {
    ++opened_count;
    return newest_ = inner_.Open(path, flags, permissions);
  }
  int64_t Read(int fd, void* data, int64_t size_bytes, int64_t offset) override {
    return fd == known_ ? inner_.Read(fd, data, size_bytes, offset) : -ESTALE;
  }
  int DuplicateOnto(int fd, int onto) override {
    if (fd == newest_) known_ = onto;
    return inner_.DuplicateOnto(fd, onto);
  }
  int opened_count = 0;

 private:
  int newest_ = -1, known_ = -1;
};

class ReadRetryTest : public ::testing::Test {
 protected:
  ReadRetryTest() : logger_before_(spdlog::default_logger()) {
    const auto* const info = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = ::testing::TempDir() + "/retry-" + std::to_string(::getpid()) + "-" + info->name();
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    path_ = folder_ + "/file";
    for (int i = 0; i < 1000; ++i) bytes_ += static_cast<char>(i * i % 251);
    WriteFileDurably(path_, bytes_);
    auto sink = std::make_shared<spdlog::sinks::ostream_sink_st>(log_);
    spdlog::set_default_logger(std::make_shared<spdlog::logger>("test", std::move(sink)));
  }
  ~ReadRetryTest() override {
    spdlog::set_default_logger(logger_before_);
    fs::remove_all(folder_);
  }

  /// Reads the bytes [100, 900).
  std::string ReadOn(FileSystem& files, bool* again = nullptr) {
    const FileDescriptor file = FileDescriptor::OpenForReading(path_);
    const ScopedFileSystem scope(files);
    std::string found(800, '?');
    const bool read_again = file.ReadAt(found.data(), 800, 100);
    if (again != nullptr) *again = read_again;
    return found;
  }
  std::string Expected() const { return bytes_.substr(100, 800); }

  std::string folder_, path_, bytes_;
  std::ostringstream log_;

 private:
  std::shared_ptr<spdlog::logger> logger_before_;
};

TEST_F(ReadRetryTest, AReadThatFailsAFewTimesGivesTheSameBytesAfterGrowingPauses) {
  for (const int error : {EIO, ESTALE, ETIMEDOUT, ESHUTDOWN}) {
    for (int failures = 0; failures <= ReadRetry::kMostRetries; ++failures) {
      FlakyReads files(FileSystem::Posix(), error, 0, failures);
      bool again = false;
      EXPECT_EQ(ReadOn(files, &again), Expected());
      EXPECT_EQ(again, failures > 0);
      EXPECT_EQ(files.count(), failures + 1);
      // 0.1 + 0.2 + 0.4 + ...
      EXPECT_NEAR(files.waited_sec(), 0.1 * (std::pow(2.0, failures) - 1.0), 1e-9);
    }
  }
}

TEST_F(ReadRetryTest, OneFailureTooManyIsAnErrorOfStorageNamingAll) {
  for (const int64_t failures : {6, 1000}) {
    FlakyReads files(FileSystem::Posix(), EIO, 0, failures);
    EXPECT_THAT([&] { ReadOn(files); },
                ThrowsMessage<StorageError>(AllOf(HasSubstr("'" + path_ + "' at byte 100"),
                                                  HasSubstr("Input/output error"),
                                                  HasSubstr("errno 5"), HasSubstr("6 times"))));
    EXPECT_EQ(files.count(), 6);
    EXPECT_NEAR(files.waited_sec(), 3.1, 1e-9);
  }
}

TEST_F(ReadRetryTest, AWarningNamesFileByteErrorAndAttempt) {
  FlakyReads failing(FileSystem::Posix(), EIO, 1, 2);
  ShortFileSystem files(failing, 300);
  ReadOn(files);
  EXPECT_THAT(log_.str(), AllOf(HasSubstr("warning"), HasSubstr("'" + path_ + "' at byte 400"),
                                HasSubstr("errno 5"), HasSubstr("attempt 2 of 6 follows in 0.1 s"),
                                HasSubstr("attempt 3 of 6 follows in 0.2 s")));
  EXPECT_EQ(std::ranges::count(log_.str(), '\n'), 2);
}

TEST_F(ReadRetryTest, WithoutFailureNothingIsSaid) {
  ShortFileSystem files(FileSystem::Posix(), 7);
  bool again = true;
  EXPECT_EQ(ReadOn(files, &again), Expected());
  EXPECT_FALSE(again);
  EXPECT_THAT(log_.str(), IsEmpty());
}

TEST_F(ReadRetryTest, WhatDoesNotPassIsNotTriedAgain) {
  for (const int error : {EBADF, EINVAL, EISDIR, ENXIO, EACCES}) {
    FlakyReads files(FileSystem::Posix(), error, 0, 1);
    EXPECT_THROW(ReadOn(files), Error);
    EXPECT_EQ(files.count(), 1);
    EXPECT_EQ(files.waited_sec(), 0.0);
  }
}

TEST_F(ReadRetryTest, AnInterruptedReadGoesOnAtOnce) {
  FlakyReads files(FileSystem::Posix(), EINTR, 0, 3);
  EXPECT_EQ(ReadOn(files), Expected());
  EXPECT_EQ(files.waited_sec(), 0.0);
}

TEST_F(ReadRetryTest, NothingWhereTheFileHasBytesIsAFailureThatMayPass) {
  FlakyReads files(FileSystem::Posix(), 0, 0, 2);
  bool again = false;
  EXPECT_EQ(ReadOn(files, &again), Expected());
  EXPECT_TRUE(again);
  FlakyReads silent(FileSystem::Posix(), 0, 0, 1000);
  EXPECT_THROW(ReadOn(silent), StorageError);
  EXPECT_EQ(silent.count(), 6);
}

TEST_F(ReadRetryTest, AFileThatBecameShorterIsNotTriedAgain) {
  FlakyReads files(FileSystem::Posix(), EIO, 0, 0);
  const FileDescriptor file = FileDescriptor::OpenForReading(path_);
  fs::resize_file(path_, 500);
  const ScopedFileSystem scope(files);
  std::string found(800, '?');
  EXPECT_THAT([&] { file.ReadAt(found.data(), 800, 100); },
              ThrowsMessage<StorageError>(HasSubstr("ends at byte 500, 400 bytes early")));
  EXPECT_EQ(files.waited_sec(), 0.0);
}

TEST_F(ReadRetryTest, AHandleTheServerForgotIsReplacedByItsName) {
  ForgetfulServer files(FileSystem::Posix());
  const auto descriptors = [] {
    return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator());
  };
  const auto before = descriptors();
  const FileDescriptor file = FileDescriptor::OpenForReading(path_);
  const int number = file.get();
  const ScopedFileSystem scope(files);
  for (int i = 0; i < 3; ++i) {
    std::string found(800, '?');
    EXPECT_EQ(file.ReadAt(found.data(), 800, 100), i == 0);
    EXPECT_EQ(found, Expected());
  }
  EXPECT_EQ(file.get(), number);
  EXPECT_EQ(files.opened_count, 1);
  EXPECT_EQ(descriptors(), before + 1);
}

TEST_F(ReadRetryTest, AnotherFileUnderTheNameOfAForgottenOneIsRefused) {
  const auto replace = [&] { WriteFileDurably(path_, bytes_); };  // by a copy
  const auto change = [&] {
    fs::last_write_time(path_, fs::last_write_time(path_) + std::chrono::seconds(1));
  };
  for (const std::function<void()>& act : {std::function<void()>(replace), {change}}) {
    const FileDescriptor file = FileDescriptor::OpenForReading(path_);
    act();
    ForgetfulServer files(FileSystem::Posix());
    const ScopedFileSystem scope(files);
    std::string found(800, '?');
    EXPECT_THAT([&] { file.ReadAt(found.data(), 800, 100); },
                ThrowsMessage<DataError>(AllOf(HasSubstr(path_), HasSubstr("replaced"))));
  }
}

TEST_F(ReadRetryTest, AForgottenFileWhoseNameIsGoneIsAnErrorOfStorage) {
  const FileDescriptor file = FileDescriptor::OpenForReading(path_);
  fs::remove(path_);
  ForgetfulServer files(FileSystem::Posix());
  const ScopedFileSystem scope(files);
  std::string found(800, '?');
  EXPECT_THAT([&] { file.ReadAt(found.data(), 800, 100); },
              ThrowsMessage<StorageError>(HasSubstr("6 times in a row")));
  EXPECT_EQ(files.opened_count, 5);
}

TEST_F(ReadRetryTest, ADescriptorThatWasMovedOrDuplicatedKnowsItsFile) {
  FileDescriptor first = FileDescriptor::OpenForReading(path_);
  const FileDescriptor duplicate = first.Duplicate();
  FileDescriptor moved(std::move(first));
  FileDescriptor assigned;
  assigned = std::move(moved);
  for (const FileDescriptor* const file : {&duplicate, &std::as_const(assigned)}) {
    ForgetfulServer files(FileSystem::Posix());
    const ScopedFileSystem scope(files);
    std::string found(800, '?');
    EXPECT_TRUE(file->ReadAt(found.data(), 800, 100));
    EXPECT_EQ(found, Expected());
  }
}

TEST_F(ReadRetryTest, WritesAndSyncsAreNeverMadeAgain) {
  const FileDescriptor file = FileDescriptor::CreateNew(folder_ + "/new", kPrivateFile);
  const std::pair<FileCall, std::function<void()>> calls[] = {
      {FileCall::kAppend, [&] { file.Write("abc"); }},
      {FileCall::kWrite, [&] { file.WriteAt("abc", 3, 0); }},
      {FileCall::kSync, [&] { file.Sync(); }},
      {FileCall::kSyncBytes, [&] { file.SyncBytes(); }}};
  for (const auto& [call, make] : calls) {
    for (const int error : {EIO, ESTALE, ETIMEDOUT}) {
      FailingFileSystem failing(FileSystem::Posix(), {.call = call, .nth = 0, .error = error});
      const ScopedFileSystem scope(failing);
      EXPECT_THROW(make(), StorageError) << NameOf(call);
      EXPECT_EQ(failing.count(), 1) << NameOf(call);
      EXPECT_EQ(failing.waited_sec(), 0.0) << NameOf(call);
    }
  }
}

}  // namespace
}  // namespace hearth
