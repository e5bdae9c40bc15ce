#pragma once

#include <cerrno>
#include <cstdint>
#include <string>
#include <vector>

#include <sys/stat.h>

namespace hearth {

/// The calls that reach files: thin names for POSIX. Tests replace them by a file system that
/// fails, tears writes, fills up or loses power. Loops (EINTR, short transfers) and decisions
/// belong to the layer above, FileDescriptor and durable_file.h, so that injected faults test them
/// too.
///
/// Every call answers like a system call, with the error in the answer: >= 0 on success, else
/// -errno. Nothing throws. Calls may come from several threads.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  /// The file system in use: POSIX unless a test has replaced it.
  static FileSystem& Current();
  static FileSystem& Posix();
  /// For tests: from now on calls go to `replacement`. It must outlive them. Returns the former.
  static FileSystem* Replace(FileSystem* replacement);

  /// Returns a descriptor. `flags` have the meaning of open(2); O_CLOEXEC is always set.
  virtual int Open(const std::string& path, int flags, mode_t permissions) = 0;
  /// Releases the descriptor, even if the answer is an error.
  virtual int Close(int fd) = 0;
  /// Returns the number of bytes read at `offset`, fewer than asked at the end: pread(2).
  virtual int64_t Read(int fd, void* data, int64_t size_bytes, int64_t offset) = 0;
  /// Returns the number of bytes appended at the descriptor's position, maybe fewer than asked:
  /// write(2).
  virtual int64_t Append(int fd, const void* data, int64_t size_bytes) = 0;
  /// Returns the number of bytes written at `offset`, maybe fewer than asked: pwrite(2).
  virtual int64_t Write(int fd, const void* data, int64_t size_bytes, int64_t offset) = 0;
  /// Makes a file's bytes, or a folder's entries, durable: fsync(2).
  virtual int Sync(int fd) = 0;
  /// Makes a file's bytes durable, but not its times: fdatasync(2).
  virtual int SyncBytes(int fd) = 0;
  /// Makes `onto` refer to the file of `fd`, for all threads at once: dup3(2).
  virtual int DuplicateOnto(int fd, int onto) = 0;
  /// Locks a whole file, open for writing, until the descriptor is closed. Answers -EAGAIN when
  /// another open file has the lock: fcntl(2), F_OFD_SETLK.
  virtual int Lock(int fd) = 0;
  /// Tells if another open file has the lock: F_OFD_GETLK.
  virtual int IsLocked(int fd, bool* locked) = 0;
  virtual int Rename(const std::string& from, const std::string& to) = 0;
  virtual int MakeFolder(const std::string& path, mode_t permissions) = 0;
  virtual int RemoveFile(const std::string& path) = 0;
  virtual int RemoveFolder(const std::string& path) = 0;
  /// Reads the status of the name itself and follows no link: lstat(2).
  virtual int StatusOf(const std::string& path, struct stat* status) = 0;
  /// Reads the status of the open file. Network file systems ask the server for it: fstat(2).
  virtual int StatusOf(int fd, struct stat* status) = 0;
  /// Lists the names in a folder, sorted, except "." and "..".
  virtual int List(const std::string& path, std::vector<std::string>* names) = 0;
  /// Tells how many bytes this user can still write to the file system of `path`: INT64_MAX when
  /// the file system does not say.
  virtual int FreeBytes(const std::string& path, int64_t* free_bytes) = 0;
  /// Lets time pass before a call is repeated. Tests do not wait.
  virtual void Wait(double seconds) = 0;
};

/// Repeats a call as long as a signal interrupts it.
template <typename Call>
auto RetryInterrupted(const Call& call) {
  auto answer = call();
  while (answer == -EINTR) answer = call();
  return answer;
}

/// The error number of a read or write that made no progress. An answer of 0 counts as EIO.
int ErrorOfTransfer(int64_t answer);

}  // namespace hearth
