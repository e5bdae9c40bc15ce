#pragma once

#include <cerrno>
#include <cstdint>
#include <string>
#include <vector>

#include <sys/stat.h>

namespace hearth {

/// The calls by which storage/ reaches files: thin names for POSIX, so that tests can put a file
/// system in their place that fails, tears, fills up or loses power. Loops (EINTR, short transfers)
/// and decisions are above it, in FileDescriptor and durable_file.h: faults meet them too.
///
/// Every call answers like a system call, with the error in the answer: >= 0 on success, else
/// -errno. Nothing throws. Calls may come from several threads.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  /// The one in use: POSIX unless a test has put another in its place.
  static FileSystem& Current();
  static FileSystem& Posix();
  /// For tests: calls go to `replacement` from now on, which must outlive them. Returns the former.
  static FileSystem* Replace(FileSystem* replacement);

  /// A descriptor. `flags` are those of open(2); O_CLOEXEC is always set.
  virtual int Open(const std::string& path, int flags, mode_t permissions) = 0;
  /// The descriptor is released whatever the answer.
  virtual int Close(int fd) = 0;
  /// Bytes read at `offset`, fewer than asked at the end of the file: pread(2).
  virtual int64_t Read(int fd, void* data, int64_t size_bytes, int64_t offset) = 0;
  /// Bytes appended at the descriptor's position, possibly fewer than asked: write(2).
  virtual int64_t Append(int fd, const void* data, int64_t size_bytes) = 0;
  /// Bytes written at `offset`, possibly fewer than asked: pwrite(2).
  virtual int64_t Write(int fd, const void* data, int64_t size_bytes, int64_t offset) = 0;
  /// Makes a file's bytes, or a folder's entries, durable: fsync(2).
  virtual int Sync(int fd) = 0;
  /// Makes a file's bytes durable, but not its times: fdatasync(2).
  virtual int SyncBytes(int fd) = 0;
  /// From now on `onto` is what `fd` is, for all threads at once: dup3(2).
  virtual int DuplicateOnto(int fd, int onto) = 0;
  /// Locks a whole file, open for writing, until the descriptor is closed; -EAGAIN when another
  /// open file has the lock: fcntl(2), F_OFD_SETLK.
  virtual int Lock(int fd) = 0;
  /// Whether Lock() would meet another's lock: F_OFD_GETLK.
  virtual int IsLocked(int fd, bool* locked) = 0;
  virtual int Rename(const std::string& from, const std::string& to) = 0;
  virtual int MakeFolder(const std::string& path, mode_t permissions) = 0;
  virtual int RemoveFile(const std::string& path) = 0;
  virtual int RemoveFolder(const std::string& path) = 0;
  /// Of the name itself; a link is not followed: lstat(2).
  virtual int StatusOf(const std::string& path, struct stat* status) = 0;
  /// Of what is open, which network file systems ask the server for: fstat(2).
  virtual int StatusOf(int fd, struct stat* status) = 0;
  /// The names in a folder but "." and "..", sorted.
  virtual int List(const std::string& path, std::vector<std::string>* names) = 0;
  /// Bytes this user can still write where `path` lies; INT64_MAX where the file system does not
  /// say.
  virtual int FreeBytes(const std::string& path, int64_t* free_bytes) = 0;
  /// Lets time pass before a call is made again. Tests do not wait.
  virtual void Wait(double seconds) = 0;
};

/// Makes a call again as long as a signal interrupts it.
template <typename Call>
auto RetryInterrupted(const Call& call) {
  auto answer = call();
  while (answer == -EINTR) answer = call();
  return answer;
}

}  // namespace hearth
