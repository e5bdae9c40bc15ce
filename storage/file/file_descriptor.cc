#include "storage/file/file_descriptor.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "common/error.h"

namespace hearth {

void ThrowFileError(std::string_view action, const std::string& path, int error_number) {
  const std::string message =
      fmt::format("cannot {} '{}': {}", action, path, std::strerror(error_number));
  if (error_number == EACCES || error_number == EPERM || error_number == EROFS) {
    throw PermissionError(message);
  }
  throw StorageError(message);
}

FileDescriptor FileDescriptor::OpenForReading(const std::string& path) {
  // O_NONBLOCK: opening a FIFO must not wait for a writer; it has no effect on regular files.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) ThrowFileError("open", path, errno);
  FileDescriptor file(fd, path);
  if (!S_ISREG(file.Status().st_mode)) {
    throw DataError("'{}' is not a regular file: give the path of a file", path);
  }
  return file;
}

FileDescriptor FileDescriptor::CreateNew(const std::string& path, mode_t permissions) {
  const int fd =
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, permissions);
  if (fd < 0) ThrowFileError("create", path, errno);
  return FileDescriptor(fd, path);
}

FileDescriptor::~FileDescriptor() {
  if (fd_ >= 0) ::close(fd_);
}

FileDescriptor::FileDescriptor(FileDescriptor&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(path_, other.path_);
  return *this;
}

struct stat FileDescriptor::Status() const {
  struct stat status {};
  if (::fstat(fd_, &status) != 0) ThrowFileError("read the size of", path_, errno);
  return status;
}

int64_t FileDescriptor::SizeBytes() const { return Status().st_size; }

void FileDescriptor::ReadAt(void* data, int64_t size_bytes, int64_t offset) const {
  char* next = static_cast<char*>(data);
  while (size_bytes > 0) {
    const ssize_t count = ::pread(fd_, next, static_cast<size_t>(size_bytes), offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) ThrowFileError("read", path_, errno);
    if (count == 0) {
      throw StorageError("cannot read '{}': it ends at byte {}, {} bytes early; was it changed?",
                         path_, offset, size_bytes);
    }
    next += count;
    offset += count;
    size_bytes -= count;
  }
}

void FileDescriptor::Write(std::string_view bytes) const {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) ThrowFileError("write", path_, errno);
    bytes.remove_prefix(static_cast<size_t>(count));
  }
}

void FileDescriptor::Sync() const {
  if (::fsync(fd_) != 0) ThrowFileError("sync", path_, errno);
}

void FileDescriptor::Close() {
  if (fd_ < 0) return;
  // Linux has released the descriptor even when close() fails, EINTR included: never close twice.
  if (::close(std::exchange(fd_, -1)) != 0 && errno != EINTR) ThrowFileError("close", path_, errno);
}

std::string ReadWholeFile(const std::string& path, int64_t max_bytes) {
  const FileDescriptor file = FileDescriptor::OpenForReading(path);
  const int64_t size_bytes = file.SizeBytes();
  if (size_bytes > max_bytes) {
    throw DataError("'{}' has {} bytes; at most {} are allowed here", path, size_bytes, max_bytes);
  }
  std::string text(static_cast<size_t>(size_bytes), '\0');
  file.ReadAt(text.data(), size_bytes, 0);
  return text;
}

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace hearth
