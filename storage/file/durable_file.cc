#include "storage/file/durable_file.h"

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "common/error.h"

namespace hearth {
namespace {

/// Unique among the threads of this process and, through the process id, on this host; a leftover
/// of another host with the same name makes the exclusive creation fail rather than be reused.
std::string TemporaryName(const std::string& path) {
  static std::atomic<int64_t> counter{0};
  return fmt::format("{}.tmp-{}-{}", path, ::getpid(), counter.fetch_add(1));
}

}  // namespace

PendingFile::PendingFile(std::string path, mode_t permissions)
    : path_(std::move(path)),
      descriptor_(FileDescriptor::CreateNew(TemporaryName(path_), permissions)) {}

PendingFile::~PendingFile() {
  if (pending_) ::unlink(descriptor_.path().c_str());
}

void PendingFile::Commit() {
  HEARTH_CHECK(pending_, "'{}' was committed before", path_);
  descriptor_.Sync();
  descriptor_.Close();
  RenameDurably(descriptor_.path(), path_);
  pending_ = false;
}

void WriteFileDurably(const std::string& path, std::string_view bytes, mode_t permissions) {
  PendingFile file(path, permissions);
  file.descriptor().Write(bytes);
  file.Commit();
}

void SyncFolder(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) ThrowFileError("open folder", path, errno);
  const int error_number = ::fsync(fd) == 0 ? 0 : errno;
  ::close(fd);
  // EINVAL, EBADF: file systems that cannot sync a folder (some FUSE and CIFS mounts) order their
  // entries themselves; there is nothing more a program could do.
  if (error_number != 0 && error_number != EINVAL && error_number != EBADF) {
    ThrowFileError("sync folder", path, error_number);
  }
}

void RenameDurably(const std::string& from, const std::string& to) {
  struct stat before {};
  if (::lstat(from.c_str(), &before) != 0) ThrowFileError("find", from, errno);
  if (std::rename(from.c_str(), to.c_str()) != 0) {
    const int error_number = errno;
    struct stat after {};
    const bool happened = ::lstat(to.c_str(), &after) == 0 && after.st_dev == before.st_dev &&
                          after.st_ino == before.st_ino;
    if (!happened) ThrowFileError(fmt::format("rename '{}' to", from), to, error_number);
  }
  SyncFolder(FolderOf(to));
}

}  // namespace hearth
