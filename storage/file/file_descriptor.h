#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <sys/stat.h>

#include "storage/file/file_identity.h"

namespace hearth {

/// Whether a name that is a symbolic link is followed when it is opened.
enum class Links { kFollow, kRefuse };

/// Owns one file descriptor of FileSystem::Current() and remembers its path for messages. Movable,
/// closed at the end of its life. close() errors matter only after writing: writers call Close()
/// themselves.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  /// Opens an existing regular file for reading. Throws PermissionError (EACCES, EPERM) or
  /// StorageError naming the path; a folder, FIFO, device or refused link is a DataError.
  static FileDescriptor OpenForReading(const std::string& path, Links links = Links::kFollow);
  /// The same, but not open when nothing has this name.
  static FileDescriptor OpenIfPresent(const std::string& path, Links links = Links::kFollow);
  /// Creates a file that must not exist (O_CREAT | O_EXCL | O_NOFOLLOW) for writing.
  /// `permissions` are subject to the process's umask.
  static FileDescriptor CreateNew(const std::string& path, mode_t permissions);
  /// The same, but not open when something has this name.
  static FileDescriptor CreateIfAbsent(const std::string& path, mode_t permissions);
  /// Opens a file for writing, empties it when it exists and creates it when it does not; a link is
  /// refused.
  static FileDescriptor CreateOrEmpty(const std::string& path, mode_t permissions);
  /// Opens an existing file for writing, as it is; a link is refused.
  static FileDescriptor OpenForWriting(const std::string& path);
  /// The same file opened again to be written past the page cache (O_DIRECT): addresses, offsets
  /// and sizes must then be multiples of 4096. Not open where the file system does not offer it.
  FileDescriptor ReopenUncached() const;
  /// A second descriptor of the same file.
  FileDescriptor Duplicate() const;

  ~FileDescriptor();
  FileDescriptor(FileDescriptor&& other) noexcept;
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;

  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  const std::string& path() const { return path_; }

  int64_t SizeBytes() const;
  /// Device and inode: the identity of the file, whatever its name is by now.
  struct stat Status() const;
  /// Reads exactly size_bytes at offset; EINTR and short reads are handled. A failure that may pass
  /// (ReadRetry) is announced and the read made again; a handle that the server has forgotten is
  /// replaced when the path still names the same file, unchanged. Throws StorageError when the file
  /// ends early or the failure stays, DataError when the file was replaced.
  /// Returns whether a read was made again: who knows a checksum of the bytes compares it then.
  bool ReadAt(void* data, int64_t size_bytes, int64_t offset) const;
  /// Appends all bytes; EINTR and short writes are handled.
  void Write(std::string_view bytes) const;
  /// Writes all bytes at offset; EINTR and short writes are handled.
  void WriteAt(const void* data, int64_t size_bytes, int64_t offset) const;
  /// Makes the bytes durable. After a failure nobody knows which of them are, and asking again may
  /// answer yes without having written them: the file has to be thrown away.
  void Sync() const;
  /// The same for a file whose size stays: its times may be lost, and others need not be waited
  /// for.
  void SyncBytes() const;
  /// Locks the whole file, open for writing, until it is closed. Returns 0, or the error number:
  /// EAGAIN when another has the lock, others where the file system knows no locks.
  int TryLock() const;
  /// Whether another open file has that lock; false where that cannot be known.
  bool IsLockedElsewhere() const;
  /// Closes and reports what close() says (NFS reports a full disk here). Safe to call twice.
  void Close();

 private:
  FileDescriptor(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  void ReplaceHandle() const;

  int fd_ = -1;
  std::string path_;
  FileIdentity identity_;  // when it was opened for reading
};

/// Throws for a failed system call: PermissionError for EACCES, EPERM and EROFS, else StorageError.
/// The message reads "cannot <action> '<path>': <text of error_number>".
[[noreturn]] void ThrowFileError(std::string_view action, const std::string& path,
                                 int error_number);

/// A whole text file. Throws DataError when it is larger than max_bytes, which bounds memory for
/// files from strangers.
std::string ReadWholeFile(const std::string& path, int64_t max_bytes);
std::string ReadWholeFile(const FileDescriptor& file, int64_t max_bytes);

/// SHA-256 of all bytes of a file, as 64 lower-case hex digits.
std::string Sha256OfContent(const FileDescriptor& file);

/// The folder a path lies in: "." when it has no slash.
std::string FolderOf(const std::string& path);

}  // namespace hearth
