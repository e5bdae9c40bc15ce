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
#include <utility>
#include <vector>

#include "storage/file/file_system.h"

namespace hearth {

/// While it lives every file call of storage/ goes to `replacement`.
class ScopedFileSystem {
 public:
  explicit ScopedFileSystem(FileSystem& replacement) : former_(FileSystem::Replace(&replacement)) {}
  ~ScopedFileSystem() { FileSystem::Replace(former_); }
  ScopedFileSystem(const ScopedFileSystem&) = delete;
  ScopedFileSystem& operator=(const ScopedFileSystem&) = delete;

 private:
  FileSystem* former_;
};

/// The kinds of calls, for doubles that treat them alike.
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

/// Passes every call on. Doubles derive from it and stack: the one nearest to the code comes last.
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
  /// No test waits: the time is only added up.
  void Wait(double seconds) override { waited_sec_ = waited_sec_ + seconds; }
  double waited_sec() const { return waited_sec_; }

 protected:
  FileSystem& inner_;

 private:
  std::atomic<double> waited_sec_{0.0};
};

/// Every call goes through one hook, which may make it and replace its answer.
class InterceptedFileSystem : public FileSystemDecorator {
 public:
  using FileSystemDecorator::FileSystemDecorator;

  int Open(const std::string& path, int flags, mode_t permissions) override {
    int fd = -1;
    const int64_t answer = Intercept(
        FileCall::kOpen, [&] { return fd = FileSystemDecorator::Open(path, flags, permissions); });
    // Made, but its reply lost: nobody has the descriptor.
    if (answer < 0 && fd >= 0) FileSystemDecorator::Close(fd);
    return static_cast<int>(answer);
  }
  int Close(int fd) override {
    return static_cast<int>(
        Intercept(FileCall::kClose, [&] { return FileSystemDecorator::Close(fd); }));
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
    return static_cast<int>(Intercept(FileCall::kSync, [&] { return inner_.Sync(fd); }));
  }
  int SyncBytes(int fd) override {
    return static_cast<int>(Intercept(FileCall::kSyncBytes, [&] { return inner_.SyncBytes(fd); }));
  }
  int DuplicateOnto(int fd, int onto) override {
    return static_cast<int>(
        Intercept(FileCall::kDuplicate, [&] { return inner_.DuplicateOnto(fd, onto); }));
  }
  int Lock(int fd) override {
    return static_cast<int>(Intercept(FileCall::kLock, [&] { return inner_.Lock(fd); }));
  }
  int IsLocked(int fd, bool* locked) override {
    return static_cast<int>(
        Intercept(FileCall::kIsLocked, [&] { return inner_.IsLocked(fd, locked); }));
  }
  int Rename(const std::string& from, const std::string& to) override {
    return static_cast<int>(Intercept(FileCall::kRename, [&] { return inner_.Rename(from, to); }));
  }
  int MakeFolder(const std::string& path, mode_t permissions) override {
    return static_cast<int>(
        Intercept(FileCall::kMakeFolder, [&] { return inner_.MakeFolder(path, permissions); }));
  }
  int RemoveFile(const std::string& path) override {
    return static_cast<int>(
        Intercept(FileCall::kRemoveFile, [&] { return inner_.RemoveFile(path); }));
  }
  int RemoveFolder(const std::string& path) override {
    return static_cast<int>(
        Intercept(FileCall::kRemoveFolder, [&] { return inner_.RemoveFolder(path); }));
  }
  int StatusOf(const std::string& path, struct stat* status) override {
    return static_cast<int>(
        Intercept(FileCall::kStatus, [&] { return inner_.StatusOf(path, status); }));
  }
  int StatusOf(int fd, struct stat* status) override {
    return static_cast<int>(
        Intercept(FileCall::kStatus, [&] { return inner_.StatusOf(fd, status); }));
  }
  int List(const std::string& path, std::vector<std::string>* names) override {
    return static_cast<int>(Intercept(FileCall::kList, [&] { return inner_.List(path, names); }));
  }
  int FreeBytes(const std::string& path, int64_t* free_bytes) override {
    return static_cast<int>(
        Intercept(FileCall::kFreeBytes, [&] { return inner_.FreeBytes(path, free_bytes); }));
  }

 protected:
  /// What to do with a call: an error to answer with (0: none), and whether to make the call all
  /// the same. close() always releases its descriptor.
  struct Verdict {
    int error = 0;
    bool made = true;
  };
  virtual Verdict Judge(FileCall call) = 0;

 private:
  template <typename Make>
  int64_t Intercept(FileCall call, const Make& make) {
    const Verdict verdict = Judge(call);
    const int64_t answer = verdict.made || call == FileCall::kClose ? make() : 0;
    return verdict.error != 0 ? -verdict.error : answer;
  }
};

/// One call fails: the `nth` (from 0) of one kind, or of all.
struct Failure {
  std::optional<FileCall> call{};  ///< of any kind when empty
  int64_t nth = -1;                ///< -1: none fails, calls are only counted
  int error = EIO;
  bool ever_after = false;  ///< and all later ones of the kind as well: the storage is gone
  bool made = false;        ///< the call takes effect though it reports an error: a lost reply
};

/// Calls `between`, once, before the `nth` call (from 0) of any kind: what another process does at
/// that moment. Its own calls go through uncounted.
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

  /// Calls of the kind so far.
  int64_t count() const { return count_.load(); }
  bool failed() const { return failure_.nth >= 0 && count() > failure_.nth; }

 protected:
  Verdict Judge(FileCall call) override {
    if (failure_.call && *failure_.call != call) return {};
    const int64_t number = count_.fetch_add(1);
    const bool fails = failure_.nth >= 0 &&
                       (failure_.ever_after ? number >= failure_.nth : number == failure_.nth);
    return fails ? Verdict{failure_.error, failure_.made} : Verdict{};
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

/// Every transfer moves at most a few bytes, as a slow pipe or a signal would have it.
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

/// A disk with room for so many bytes; what is removed is not given back. A write ends short at the
/// last byte that fits and the next one fails, as on a real disk. Whether the free space is told
/// beforehand can be chosen: other writers may take it in between.
class FullFileSystem : public FileSystemDecorator {
 public:
  FullFileSystem(FileSystem& inner, int64_t room_bytes, bool tells)
      : FileSystemDecorator(inner), room_bytes_(room_bytes), tells_(tells) {}

  int64_t Append(int fd, const void* data, int64_t size_bytes) override {
    const int64_t fits = Take(size_bytes);
    return fits > 0 ? inner_.Append(fd, data, fits) : -ENOSPC;
  }
  int64_t Write(int fd, const void* data, int64_t size_bytes, int64_t offset) override {
    const int64_t fits = Take(size_bytes);
    return fits > 0 ? inner_.Write(fd, data, fits, offset) : -ENOSPC;
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

/// A network file system whose attribute cache never expires: what was once asked about a name,
/// also that there is nothing, and what a folder held, is answered again. What is open is asked
/// anew.
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

/// Reports the wait before each call of one kind and makes it when that returns: storage that
/// stalls. `wait` decides how long; tests block on something instead of sleeping.
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
