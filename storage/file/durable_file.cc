#include "storage/file/durable_file.h"

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "common/error.h"
#include "storage/file/file_system.h"

namespace hearth {
namespace {

/// A name unique among the threads of this process and, through the process id, on this host. A
/// leftover of another host may have the same name: the exclusive creation then fails.
std::string TemporaryName(const std::string& path) {
  static std::atomic<int64_t> counter{0};
  return fmt::format("{}.tmp-{}-{}", path, ::getpid(), counter.fetch_add(1));
}

struct Inode {
  dev_t device = 0;
  ino_t number = 0;
  bool operator==(const Inode&) const = default;
};

/// Finds the file of this name by opening it: a network file system may answer questions about a
/// name from its cache. Answers like a system call.
int InodeOf(const std::string& path, Inode* inode) {
  FileSystem& files = FileSystem::Current();
  const int fd =
      RetryInterrupted([&] { return files.Open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0); });
  if (fd < 0) return fd;
  struct stat status {};
  const int answer = files.StatusOf(fd, &status);
  files.Close(fd);  // closing after reading loses no data
  *inode = {status.st_dev, status.st_ino};
  return answer;
}

}  // namespace

PendingFile::PendingFile(std::string path, mode_t permissions)
    : path_(std::move(path)),
      descriptor_(FileDescriptor::CreateNew(TemporaryName(path_), permissions)) {}

PendingFile::~PendingFile() {
  if (pending_) FileSystem::Current().RemoveFile(descriptor_.path());
}

void PendingFile::Commit() {
  HEARTH_CHECK(pending_, "'{}' was committed before", path_);
  descriptor_.Sync();
  descriptor_.Close();
  RenameDurably(descriptor_.path(), path_);
  pending_ = false;
}

namespace {

std::string WithoutTrailingSlashes(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

void RequireNewOrEmpty(const std::string& path) {
  FileSystem& files = FileSystem::Current();
  struct stat status {};
  const int found = files.StatusOf(path, &status);
  if (found == -ENOENT) return;
  if (found < 0) ThrowFileError("look at", path, -found);
  std::vector<std::string> names;
  const int listed = S_ISDIR(status.st_mode) ? files.List(path, &names) : -ENOTDIR;
  if (listed == -ENOTDIR) throw UsageError("'{}' is no folder: name a new one", path);
  if (listed < 0) ThrowFileError("list", path, -listed);
  if (!names.empty()) throw UsageError("folder '{}' is not empty: name a new one", path);
}

}  // namespace

PendingFolder::PendingFolder(const std::string& path) : path_(WithoutTrailingSlashes(path)) {
  if (path_.empty()) throw UsageError("the name of the folder to write is empty");
  RequireNewOrEmpty(path_);
  std::error_code error;
  std::filesystem::create_directories(FolderOf(path_), error);
  if (error) ThrowFileError("make folder", FolderOf(path_), error.value());
  temporary_path_ = TemporaryName(path_);
  MakeFolder(temporary_path_, 0777);
}

PendingFolder::~PendingFolder() {
  std::error_code ignored;  // a destructor never throws; a failed removal leaves the folder visible
  if (pending_) std::filesystem::remove_all(temporary_path_, ignored);
}

void PendingFolder::Commit() {
  HEARTH_CHECK(pending_, "'{}' was committed before", path_);
  RequireNewOrEmpty(path_);
  SyncFolder(temporary_path_);
  RenameDurably(temporary_path_, path_);
  pending_ = false;
}

void WriteFileDurably(const std::string& path, std::string_view bytes, mode_t permissions) {
  PendingFile file(path, permissions);
  file.descriptor().Write(bytes);
  file.Commit();
}

void MakeFolder(const std::string& path, mode_t permissions) {
  const int answer = FileSystem::Current().MakeFolder(path, permissions);
  if (answer < 0) ThrowFileError("make folder", path, -answer);
}

void SyncFolder(const std::string& path) {
  FileSystem& files = FileSystem::Current();
  const int fd = RetryInterrupted([&] { return files.Open(path, O_RDONLY | O_DIRECTORY, 0); });
  if (fd < 0) ThrowFileError("open folder", path, -fd);
  const int synced = RetryInterrupted([&] { return files.Sync(fd); });
  const int closed = files.Close(fd);
  // EINVAL and EBADF come from file systems that cannot sync a folder (some FUSE and CIFS mounts).
  // They order their entries themselves, and a program can do no more.
  if (synced < 0 && synced != -EINVAL && synced != -EBADF) {
    ThrowFileError("sync folder", path, -synced);
  }
  if (closed < 0 && closed != -EINTR) ThrowFileError("close folder", path, -closed);
}

void RenameDurably(const std::string& from, const std::string& to) {
  Inode before, after;
  const int found = InodeOf(from, &before);
  if (found < 0) ThrowFileError("find", from, -found);
  const int answer = FileSystem::Current().Rename(from, to);
  const bool happened = answer >= 0 || (InodeOf(to, &after) >= 0 && before == after);
  if (!happened) ThrowFileError(fmt::format("rename '{}' to", from), to, -answer);
  SyncFolder(FolderOf(to));
}

}  // namespace hearth
