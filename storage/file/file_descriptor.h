#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <sys/stat.h>

#include "storage/file/file_identity.h"

namespace hearth {

/// The treatment of a symbolic link: opening follows it or refuses it.
enum class Links { kFollow, kRefuse };

/// Owns one file descriptor of FileSystem::Current() and remembers its path for messages. It can be
/// moved. The destructor closes it and ignores errors of close(). They matter only after writing,
/// so a writer calls Close() itself.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  /// Opens an existing regular file for reading. Throws PermissionError (EACCES, EPERM) or
  /// StorageError naming the path; a folder, FIFO, device or refused link is a DataError.
  static FileDescriptor OpenForReading(const std::string& path, Links links = Links::kFollow);
  /// Does the same, but returns a descriptor that is not open when the name does not exist.
  static FileDescriptor OpenIfPresent(const std::string& path, Links links = Links::kFollow);
  /// Creates a file that must not exist (O_CREAT | O_EXCL | O_NOFOLLOW) for writing.
  /// `permissions` are subject to the process's umask.
  static FileDescriptor CreateNew(const std::string& path, mode_t permissions);
  /// Does the same, but returns a descriptor that is not open when the name exists.
  static FileDescriptor CreateIfAbsent(const std::string& path, mode_t permissions);
  /// Opens a file for writing, and empties or creates it. Refuses a link.
  static FileDescriptor CreateOrEmpty(const std::string& path, mode_t permissions);
  /// Opens an existing file for writing and keeps its content. Refuses a link.
  static FileDescriptor OpenForWriting(const std::string& path);
  /// Opens the same file again for writing past the page cache (O_DIRECT): addresses, offsets and
  /// sizes must then be multiples of 4096. The result is not open when the file system does not
  /// support this.
  FileDescriptor ReopenUncached() const;
  /// Returns a second descriptor of the same file.
  FileDescriptor Duplicate() const;

  ~FileDescriptor();
  FileDescriptor(FileDescriptor&& other) noexcept;
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;

  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  const std::string& path() const { return path_; }

  int64_t SizeBytes() const;
  /// Device and inode identify the file, even after a rename.
  struct stat Status() const;
  /// Reads exactly size_bytes at offset, and handles EINTR and short reads. After a failure that
  /// may pass (ReadRetry) it warns and repeats the read. It replaces a handle that the server has
  /// forgotten (ESTALE), if the path still names the same file, unchanged. Throws StorageError when
  /// the file ends early or the failure stays, DataError when the file was replaced.
  /// Returns true when a read was repeated: a caller that knows a checksum then compares it.
  bool ReadAt(void* data, int64_t size_bytes, int64_t offset) const;
  /// Appends all bytes, and handles EINTR and short writes.
  void Write(std::string_view bytes) const;
  /// Writes all bytes at offset, and handles EINTR and short writes.
  void WriteAt(const void* data, int64_t size_bytes, int64_t offset) const;
  /// Makes the bytes durable. After a failure any of them may be lost, and a second Sync() may
  /// succeed without writing them: the caller must throw the file away.
  void Sync() const;
  /// Does the same for a file that keeps its size. The file's times may be lost, so the call need
  /// not wait for a journal shared with other files.
  void SyncBytes() const;
  /// Locks the whole file, open for writing, until it is closed. Returns 0, or the error number:
  /// EAGAIN when another open file has the lock, another number when the file system has no locks.
  int TryLock() const;
  /// True when another open file has that lock; false when that cannot be known.
  bool IsLockedElsewhere() const;
  /// Closes, and throws when close() fails (NFS reports a full disk here). May be called twice.
  void Close();

 private:
  FileDescriptor(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  void ReplaceHandle() const;

  int fd_ = -1;
  std::string path_;
  FileIdentity identity_;  // at the time of opening for reading
};

/// Throws for a failed system call: PermissionError for EACCES, EPERM and EROFS, else StorageError.
/// The message reads "cannot <action> '<path>': <text of error_number>".
[[noreturn]] void ThrowFileError(std::string_view action, const std::string& path,
                                 int error_number);

/// Reads a whole text file. Throws DataError when it is larger than max_bytes: the bound on memory
/// for files from strangers.
std::string ReadWholeFile(const std::string& path, int64_t max_bytes);
std::string ReadWholeFile(const FileDescriptor& file, int64_t max_bytes);

/// SHA-256 of all bytes of a file, as 64 lower-case hex digits.
std::string Sha256OfContent(const FileDescriptor& file);

/// The folder of a path: "." when the path has no slash.
std::string FolderOf(const std::string& path);

}  // namespace hearth
