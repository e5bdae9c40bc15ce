#include "storage/file/file_descriptor.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "common/error.h"
#include "common/hash.h"
#include "storage/file/file_system.h"
#include "storage/file/read_retry.h"

namespace hearth {
namespace {

int OpenRetrying(const std::string& path, int flags, mode_t permissions) {
  return RetryInterrupted([&] { return FileSystem::Current().Open(path, flags, permissions); });
}

// The functions below store the name in the object first and open the file then. The other order
// would leak the descriptor when there is no memory for the name.

}  // namespace

void ThrowFileError(std::string_view action, const std::string& path, int error_number) {
  const std::string message =
      fmt::format("cannot {} '{}': {}", action, path, std::strerror(error_number));
  if (error_number == EACCES || error_number == EPERM || error_number == EROFS) {
    throw PermissionError("{} (as uid {})", message, ::geteuid());
  }
  throw StorageError(message);
}

FileDescriptor FileDescriptor::OpenForReading(const std::string& path, Links links) {
  FileDescriptor file = OpenIfPresent(path, links);
  if (!file.is_open()) ThrowFileError("open", path, ENOENT);
  return file;
}

FileDescriptor FileDescriptor::OpenIfPresent(const std::string& path, Links links) {
  // O_NONBLOCK: opening a FIFO must not wait for a writer; it has no effect on regular files.
  const int no_link = links == Links::kRefuse ? O_NOFOLLOW : 0;
  FileDescriptor file(-1, path);
  const int fd = file.fd_ = OpenRetrying(path, O_RDONLY | O_NONBLOCK | no_link, 0);
  if (fd == -ENOENT) return FileDescriptor();
  if (fd == -ELOOP && no_link != 0) throw DataError("'{}' is not a regular file but a link", path);
  if (fd < 0) ThrowFileError("open", path, -fd);
  const struct stat status = file.Status();
  if (!S_ISREG(status.st_mode)) {
    throw DataError("'{}' is not a regular file: give the path of a file", path);
  }
  file.identity_ = IdentityOf(status);
  return file;
}

FileDescriptor FileDescriptor::CreateNew(const std::string& path, mode_t permissions) {
  FileDescriptor file = CreateIfAbsent(path, permissions);
  if (!file.is_open()) ThrowFileError("create", path, EEXIST);
  return file;
}

FileDescriptor FileDescriptor::CreateIfAbsent(const std::string& path, mode_t permissions) {
  FileDescriptor file(-1, path);
  const int fd = file.fd_ =
      OpenRetrying(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, permissions);
  if (fd == -EEXIST) return FileDescriptor();
  if (fd < 0) ThrowFileError("create", path, -fd);
  return file;
}

FileDescriptor FileDescriptor::CreateOrEmpty(const std::string& path, mode_t permissions) {
  FileDescriptor file(-1, path);
  const int fd = file.fd_ =
      OpenRetrying(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, permissions);
  if (fd < 0) ThrowFileError("create", path, -fd);
  return file;
}

FileDescriptor FileDescriptor::OpenForWriting(const std::string& path) {
  FileDescriptor file(-1, path);
  const int fd = file.fd_ = OpenRetrying(path, O_WRONLY | O_NOFOLLOW, 0);
  if (fd < 0) ThrowFileError("open", path, -fd);
  return file;
}

FileDescriptor FileDescriptor::ReopenUncached() const {
  FileDescriptor file(-1, path_);
  const int fd = file.fd_ = OpenRetrying(path_, O_WRONLY | O_NOFOLLOW | O_DIRECT, 0);
  if (fd == -EINVAL) return FileDescriptor();
  if (fd < 0) ThrowFileError("open", path_, -fd);
  return file;
}

FileDescriptor FileDescriptor::Duplicate() const {
  FileDescriptor file(-1, path_);
  file.fd_ = ::fcntl(fd_, F_DUPFD_CLOEXEC, 0);
  if (!file.is_open()) ThrowFileError("open again", path_, errno);
  file.identity_ = identity_;
  return file;
}

FileDescriptor::~FileDescriptor() {
  if (fd_ >= 0) FileSystem::Current().Close(fd_);
}

FileDescriptor::FileDescriptor(FileDescriptor&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      path_(std::move(other.path_)),
      identity_(other.identity_) {}

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(path_, other.path_);
  std::swap(identity_, other.identity_);
  return *this;
}

struct stat FileDescriptor::Status() const {
  struct stat status {};
  const int answer = FileSystem::Current().StatusOf(fd_, &status);
  if (answer < 0) ThrowFileError("read the size of", path_, -answer);
  return status;
}

int64_t FileDescriptor::SizeBytes() const { return Status().st_size; }

bool FileDescriptor::ReadAt(void* data, int64_t size_bytes, int64_t offset) const {
  ReadRetry retry(path_);
  char* next = static_cast<char*>(data);
  while (size_bytes > 0) {
    const int64_t count =
        RetryInterrupted([&] { return FileSystem::Current().Read(fd_, next, size_bytes, offset); });
    if (count == 0 && SizeBytes() <= offset) {
      throw StorageError("cannot read '{}': it ends at byte {}, {} bytes early; was it changed?",
                         path_, offset, size_bytes);
    }
    if (count <= 0) {
      // An answer of 0 bytes before the end of the file means that the server did not answer.
      const int error_number = ErrorOfTransfer(count);
      retry.AwaitNextAttempt(offset, error_number);
      if (error_number == ESTALE) ReplaceHandle();
      continue;
    }
    next += count;
    offset += count;
    size_bytes -= count;
  }
  return retry.count() > 0;
}

void FileDescriptor::ReplaceHandle() const {
  FileSystem& files = FileSystem::Current();
  const int fd = OpenRetrying(path_, O_RDONLY | O_NONBLOCK, 0);
  if (fd < 0) return;  // the next attempt fails as well, and may find the name again
  struct stat status {};
  const bool is_known = files.StatusOf(fd, &status) >= 0;
  const bool is_same = is_known && IdentityOf(status).SameContentAs(identity_);
  // The number of the descriptor must stay: other threads may be reading from it.
  if (is_same) files.DuplicateOnto(fd, fd_);
  files.Close(fd);
  if (is_known && !is_same) {
    throw DataError(
        "'{}' was changed or replaced while it was read; start again with one that "
        "stays as it is",
        path_);
  }
}

void FileDescriptor::Write(std::string_view bytes) const {
  while (!bytes.empty()) {
    const int64_t count = RetryInterrupted(
        [&] { return FileSystem::Current().Append(fd_, bytes.data(), std::ssize(bytes)); });
    if (count <= 0) ThrowFileError("write", path_, ErrorOfTransfer(count));
    bytes.remove_prefix(count);
  }
}

void FileDescriptor::WriteAt(const void* data, int64_t size_bytes, int64_t offset) const {
  const char* next = static_cast<const char*>(data);
  while (size_bytes > 0) {
    const int64_t count = RetryInterrupted(
        [&] { return FileSystem::Current().Write(fd_, next, size_bytes, offset); });
    if (count <= 0) ThrowFileError("write", path_, ErrorOfTransfer(count));
    next += count;
    offset += count;
    size_bytes -= count;
  }
}

void FileDescriptor::Sync() const {
  const int answer = RetryInterrupted([&] { return FileSystem::Current().Sync(fd_); });
  if (answer < 0) ThrowFileError("sync", path_, -answer);
}

void FileDescriptor::SyncBytes() const {
  const int answer = RetryInterrupted([&] { return FileSystem::Current().SyncBytes(fd_); });
  if (answer < 0) ThrowFileError("sync", path_, -answer);
}

int FileDescriptor::TryLock() const {
  return -RetryInterrupted([&] { return FileSystem::Current().Lock(fd_); });
}

bool FileDescriptor::IsLockedElsewhere() const {
  bool locked = false;
  return RetryInterrupted([&] { return FileSystem::Current().IsLocked(fd_, &locked); }) >= 0 &&
         locked;
}

void FileDescriptor::Close() {
  if (fd_ < 0) return;
  // Linux has released the descriptor even when close() fails, EINTR included: never close twice.
  const int answer = FileSystem::Current().Close(std::exchange(fd_, -1));
  if (answer < 0 && answer != -EINTR) ThrowFileError("close", path_, -answer);
}

std::string ReadWholeFile(const std::string& path, int64_t max_bytes) {
  return ReadWholeFile(FileDescriptor::OpenForReading(path), max_bytes);
}

std::string ReadWholeFile(const FileDescriptor& file, int64_t max_bytes) {
  const int64_t size_bytes = file.SizeBytes();
  if (size_bytes > max_bytes) {
    throw DataError("'{}' has {} bytes; at most {} are allowed here", file.path(), size_bytes,
                    max_bytes);
  }
  std::string text(size_bytes, '\0');
  file.ReadAt(text.data(), size_bytes, 0);
  return text;
}

std::string Sha256OfContent(const FileDescriptor& file) {
  constexpr int64_t kBlockBytes = int64_t{1} << 20;
  const int64_t size_bytes = file.SizeBytes();
  std::vector<char> block(std::min(kBlockBytes, size_bytes));
  Sha256 hash;
  for (int64_t offset = 0; offset < size_bytes; offset += kBlockBytes) {
    const int64_t count = std::min(kBlockBytes, size_bytes - offset);
    file.ReadAt(block.data(), count, offset);
    hash.Update(block.data(), count);
  }
  return hash.HexDigest();
}

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace hearth
