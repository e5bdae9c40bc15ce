#pragma once

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "storage/file/file_system.h"

namespace hearth {

/// While an object of this class lives, every file call of storage/ goes to `replacement`.
class ScopedFileSystem {
 public:
  explicit ScopedFileSystem(FileSystem& replacement) : former_(FileSystem::Replace(&replacement)) {}
  ~ScopedFileSystem() { FileSystem::Replace(former_); }
  ScopedFileSystem(const ScopedFileSystem&) = delete;
  ScopedFileSystem& operator=(const ScopedFileSystem&) = delete;

 private:
  FileSystem* former_;
};

/// The kinds of calls, for doubles that treat all calls the same way.
enum class FileCall {
  kOpen,
  kClose,
  kRead,
  kAppend,
  kWrite,
  kSync,
  kSyncBytes,
  kDuplicate,
  kLock,
  kIsLocked,
  kRename,
  kMakeFolder,
  kRemoveFile,
  kRemoveFolder,
  kStatus,
  kList,
  kFreeBytes,
};
inline constexpr FileCall kAllFileCalls[] = {
    FileCall::kOpen,       FileCall::kClose,        FileCall::kRead,      FileCall::kAppend,
    FileCall::kWrite,      FileCall::kSync,         FileCall::kSyncBytes, FileCall::kDuplicate,
    FileCall::kLock,       FileCall::kIsLocked,     FileCall::kRename,    FileCall::kMakeFolder,
    FileCall::kRemoveFile, FileCall::kRemoveFolder, FileCall::kStatus,    FileCall::kList,
    FileCall::kFreeBytes};
inline std::string_view NameOf(FileCall call) {
  constexpr std::string_view kNames[] = {"open",   "close",     "pread",  "write", "pwrite",
                                         "fsync",  "fdatasync", "dup3",   "lock",  "is locked",
                                         "rename", "mkdir",     "unlink", "rmdir", "status",
                                         "list",   "free space"};
  return kNames[static_cast<size_t>(call)];
}

/// Passes every call on. Doubles derive from it. They can be stacked: the last one is nearest to
/// the code under test.
class FileSystemDecorator : public FileSystem {
 public:
  explicit FileSystemDecorator(FileSystem& inner) : inner_(inner) {}

  int Open(const std::string& path, int flags, mode_t permissions) override {
    return inner_.Open(path, flags, permissions);
  }
  int Close(int fd) override { return inner_.Close(fd); }
  int64_t Read(int fd, void* data, int64_t size_bytes, int64_t offset) override {
    return inner_.Read(fd, data, size_bytes, offset);
  }
  int64_t Append(int fd, const void* data, int64_t size_bytes) override {
    return inner_.Append(fd, data, size_bytes);
  }
  int64_t Write(int fd, const void* data, int64_t size_bytes, int64_t offset) override {
    return inner_.Write(fd, data, size_bytes, offset);
  }
  int Sync(int fd) override { return inner_.Sync(fd); }
  int SyncBytes(int fd) override { return inner_.SyncBytes(fd); }
  int DuplicateOnto(int fd, int onto) override { return inner_.DuplicateOnto(fd, onto); }
  int Lock(int fd) override { return inner_.Lock(fd); }
  int IsLocked(int fd, bool* locked) override { return inner_.IsLocked(fd, locked); }
  int Rename(const std::string& from, const std::string& to) override {
    return inner_.Rename(from, to);
  }
  int MakeFolder(const std::string& path, mode_t permissions) override {
    return inner_.MakeFolder(path, permissions);
  }
  int RemoveFile(const std::string& path) override { return inner_.RemoveFile(path); }
  int RemoveFolder(const std::string& path) override { return inner_.RemoveFolder(path); }
  int StatusOf(const std::string& path, struct stat* status) override {
    return inner_.StatusOf(path, status);
  }
  int StatusOf(int fd, struct stat* status) override { return inner_.StatusOf(fd, status); }
  int List(const std::string& path, std::vector<std::string>* names) override {
    return inner_.List(path, names);
  }
  int FreeBytes(const std::string& path, int64_t* free_bytes) override {
    return inner_.FreeBytes(path, free_bytes);
  }
  /// Adds up the time. No test waits.
  void Wait(double seconds) override { waited_sec_ = waited_sec_ + seconds; }
  double waited_sec() const { return waited_sec_; }

 protected:
  FileSystem& inner_;

 private:
  std::atomic<double> waited_sec_{0.0};
};

/// Sends every call through one hook. The hook may make the call and replace its answer.
class InterceptedFileSystem : public FileSystemDecorator {
 public:
  using FileSystemDecorator::FileSystemDecorator;

  int Open(const std::string& path, int flags, mode_t permissions) override {
    int fd = -1;
    const int answer = Intercept(
        FileCall::kOpen, [&] { return fd = FileSystemDecorator::Open(path, flags, permissions); });
    // The file was opened but the reply lost: nobody has the descriptor.
    if (answer < 0 && fd >= 0) FileSystemDecorator::Close(fd);
    return answer;
  }
  int Close(int fd) override {
    return Intercept(FileCall::kClose, [&] { return FileSystemDecorator::Close(fd); });
  }
  int64_t Read(int fd, void* data, int64_t size_bytes, int64_t offset) override {
    return Intercept(FileCall::kRead, [&] { return inner_.Read(fd, data, size_bytes, offset); });
  }
  int64_t Append(int fd, const void* data, int64_t size_bytes) override {
    return Intercept(FileCall::kAppend, [&] { return inner_.Append(fd, data, size_bytes); });
  }
  int64_t Write(int fd, const void* data, int64_t size_bytes, int64_t offset) override {
    return Intercept(FileCall::kWrite, [&] { return inner_.Write(fd, data, size_bytes, offset); });
  }
  int Sync(int fd) override {
    return Intercept(FileCall::kSync, [&] { return inner_.Sync(fd); });
  }
  int SyncBytes(int fd) override {
    return Intercept(FileCall::kSyncBytes, [&] { return inner_.SyncBytes(fd); });
  }
  int DuplicateOnto(int fd, int onto) override {
    return Intercept(FileCall::kDuplicate, [&] { return inner_.DuplicateOnto(fd, onto); });
  }
  int Lock(int fd) override {
    return Intercept(FileCall::kLock, [&] { return inner_.Lock(fd); });
  }
  int IsLocked(int fd, bool* locked) override {
    return Intercept(FileCall::kIsLocked, [&] { return inner_.IsLocked(fd, locked); });
  }
  int Rename(const std::string& from, const std::string& to) override {
    return Intercept(FileCall::kRename, [&] { return inner_.Rename(from, to); });
  }
  int MakeFolder(const std::string& path, mode_t permissions) override {
    return Intercept(FileCall::kMakeFolder, [&] { return inner_.MakeFolder(path, permissions); });
  }
  int RemoveFile(const std::string& path) override {
    return Intercept(FileCall::kRemoveFile, [&] { return inner_.RemoveFile(path); });
  }
  int RemoveFolder(const std::string& path) override {
    return Intercept(FileCall::kRemoveFolder, [&] { return inner_.RemoveFolder(path); });
  }
  int StatusOf(const std::string& path, struct stat* status) override {
    return Intercept(FileCall::kStatus, [&] { return inner_.StatusOf(path, status); });
  }
  int StatusOf(int fd, struct stat* status) override {
    return Intercept(FileCall::kStatus, [&] { return inner_.StatusOf(fd, status); });
  }
  int List(const std::string& path, std::vector<std::string>* names) override {
    return Intercept(FileCall::kList, [&] { return inner_.List(path, names); });
  }
  int FreeBytes(const std::string& path, int64_t* free_bytes) override {
    return Intercept(FileCall::kFreeBytes, [&] { return inner_.FreeBytes(path, free_bytes); });
  }

 protected:
  /// The treatment of a call: the error to answer with (0: none), and `made` if the call is made
  /// all the same. close() always releases its descriptor.
  struct Verdict {
    int error = 0;
    bool made = true;
  };
  virtual Verdict Judge(FileCall call) = 0;

 private:
  template <typename Make>
  std::invoke_result_t<const Make&> Intercept(FileCall call, const Make& make) {
    const Verdict verdict = Judge(call);
    std::invoke_result_t<const Make&> answer = 0;
    if (verdict.made || call == FileCall::kClose) answer = make();
    if (verdict.error != 0) answer = -verdict.error;
    return answer;
  }
};

/// One call fails: the `nth` (counted from 0) of one kind, or of all.
struct Failure {
  std::optional<FileCall> call{};  ///< empty: any kind
  int64_t nth = -1;                ///< -1: no call fails, the calls are counted
  int error = EIO;
  bool ever_after = false;  ///< all later calls of the kind fail as well: the storage is gone
  bool made = false;        ///< the call takes effect though it reports an error: a lost reply
};

/// Calls `between`, once, before the `nth` call (counted from 0) of any kind, to act like another
/// process at that moment. The calls of `between` itself pass uncounted.
class InterruptedFileSystem : public InterceptedFileSystem {
 public:
  InterruptedFileSystem(FileSystem& inner, int64_t nth, std::function<void()> between)
      : InterceptedFileSystem(inner), nth_(nth), between_(std::move(between)) {}

  bool was_interrupted() const { return count_ > nth_; }

 protected:
  Verdict Judge(FileCall /*call*/) override {
    if (is_between_) return {};
    if (count_++ == nth_) {
      is_between_ = true;
      between_();
      is_between_ = false;
    }
    return {};
  }

 private:
  int64_t nth_;
  std::function<void()> between_;
  int64_t count_ = 0;
  bool is_between_ = false;
};

class FailingFileSystem : public InterceptedFileSystem {
 public:
  FailingFileSystem(FileSystem& inner, Failure failure)
      : InterceptedFileSystem(inner), failure_(failure) {}

  /// The number of calls of the kind so far.
  int64_t count() const { return count_.load(); }
  bool failed() const { return failure_.nth >= 0 && count() > failure_.nth; }

 protected:
  Verdict Judge(FileCall call) override {
    if (failure_.call && *failure_.call != call) return {};
    const int64_t number = count_.fetch_add(1);
    const bool is_later = failure_.ever_after && number > failure_.nth;
    if (failure_.nth < 0 || (number != failure_.nth && !is_later)) return {};
    return {failure_.error, failure_.made};
  }

 private:
  Failure failure_;
  std::atomic<int64_t> count_{0};
};

/// Syncs nothing: tests that do not cut the power need no disk.
class UnsyncedFileSystem : public FileSystemDecorator {
 public:
  using FileSystemDecorator::FileSystemDecorator;
  int Sync(int /*fd*/) override { return 0; }
  int SyncBytes(int /*fd*/) override { return 0; }
};

/// Every transfer moves at most a few bytes, like a slow pipe or an interrupted call.
class ShortFileSystem : public FileSystemDecorator {
 public:
  ShortFileSystem(FileSystem& inner, int64_t most_bytes)
      : FileSystemDecorator(inner), most_bytes_(most_bytes) {}

  int64_t Read(int fd, void* data, int64_t size_bytes, int64_t offset) override {
    return inner_.Read(fd, data, std::min(size_bytes, most_bytes_), offset);
  }
  int64_t Append(int fd, const void* data, int64_t size_bytes) override {
    return inner_.Append(fd, data, std::min(size_bytes, most_bytes_));
  }
  int64_t Write(int fd, const void* data, int64_t size_bytes, int64_t offset) override {
    return inner_.Write(fd, data, std::min(size_bytes, most_bytes_), offset);
  }

 private:
  int64_t most_bytes_;
};

/// A disk with room for `room_bytes`. Removing files gives no room back. A write ends short at the
/// last byte that fits and the next one fails, like on a real disk. The disk tells the free space
/// beforehand if `tells` is set. If not, it acts as if other writers took the space in between.
class FullFileSystem : public FileSystemDecorator {
 public:
  FullFileSystem(FileSystem& inner, int64_t room_bytes, bool tells)
      : FileSystemDecorator(inner), room_bytes_(room_bytes), tells_(tells) {}

  int64_t Append(int fd, const void* data, int64_t size_bytes) override {
    const int64_t fits = Take(size_bytes);
    if (fits <= 0) return -ENOSPC;
    return inner_.Append(fd, data, fits);
  }
  int64_t Write(int fd, const void* data, int64_t size_bytes, int64_t offset) override {
    const int64_t fits = Take(size_bytes);
    if (fits <= 0) return -ENOSPC;
    return inner_.Write(fd, data, fits, offset);
  }
  int FreeBytes(const std::string& path, int64_t* free_bytes) override {
    if (!tells_) return inner_.FreeBytes(path, free_bytes);
    *free_bytes = room_bytes_;
    return 0;
  }

 private:
  int64_t Take(int64_t size_bytes) {
    const int64_t fits = std::min(size_bytes, room_bytes_);
    room_bytes_ -= fits;
    return fits;
  }

  int64_t room_bytes_;
  bool tells_;
};

/// A network file system whose attribute cache never expires. It repeats its first answer about a
/// name, even if the name did not exist, and its first list of a folder. Questions about open files
/// reach the server.
class StaleFileSystem : public FileSystemDecorator {
 public:
  using FileSystemDecorator::FileSystemDecorator;
  using FileSystemDecorator::StatusOf;

  int StatusOf(const std::string& path, struct stat* status) override {
    const auto [entry, is_new] = statuses_.try_emplace(path);
    if (is_new) entry->second.first = inner_.StatusOf(path, &entry->second.second);
    *status = entry->second.second;
    return entry->second.first;
  }
  int List(const std::string& path, std::vector<std::string>* names) override {
    const auto [entry, is_new] = lists_.try_emplace(path);
    if (is_new) entry->second.first = inner_.List(path, &entry->second.second);
    *names = entry->second.second;
    return entry->second.first;
  }

 private:
  std::map<std::string, std::pair<int, struct stat>> statuses_;
  std::map<std::string, std::pair<int, std::vector<std::string>>> lists_;
};

/// Storage that stalls: calls `wait` before each call of one kind. `wait` decides the time to wait;
/// tests block on a condition instead of sleeping.
class SlowFileSystem : public InterceptedFileSystem {
 public:
  SlowFileSystem(FileSystem& inner, FileCall call, std::function<void()> wait)
      : InterceptedFileSystem(inner), call_(call), wait_(std::move(wait)) {}

 protected:
  Verdict Judge(FileCall call) override {
    if (call == call_) wait_();
    return {};
  }

 private:
  FileCall call_;
  std::function<void()> wait_;
};

}  // namespace hearth
