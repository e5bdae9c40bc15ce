#include "storage/file/file_system.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <limits>
#include <memory>
#include <string_view>
#include <thread>

#include <dirent.h>
#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace hearth {
namespace {

template <typename Result>
Result OrError(Result result) {
  return result < 0 ? -errno : result;
}

struct flock WholeFile() {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

class PosixFileSystem : public FileSystem {
 public:
  int Open(const std::string& path, int flags, mode_t permissions) override {
    return OrError(::open(path.c_str(), flags | O_CLOEXEC, permissions));
  }
  int Close(int fd) override { return OrError(::close(fd)); }
  int64_t Read(int fd, void* data, int64_t size_bytes, int64_t offset) override {
    return OrError<int64_t>(::pread(fd, data, size_bytes, offset));
  }
  int64_t Append(int fd, const void* data, int64_t size_bytes) override {
    return OrError<int64_t>(::write(fd, data, size_bytes));
  }
  int64_t Write(int fd, const void* data, int64_t size_bytes, int64_t offset) override {
    return OrError<int64_t>(::pwrite(fd, data, size_bytes, offset));
  }
  int Sync(int fd) override { return OrError(::fsync(fd)); }
  int SyncBytes(int fd) override { return OrError(::fdatasync(fd)); }
  int DuplicateOnto(int fd, int onto) override { return OrError(::dup3(fd, onto, O_CLOEXEC)); }
  int Lock(int fd) override {
    struct flock lock = WholeFile();
    return OrError(::fcntl(fd, F_OFD_SETLK, &lock));
  }
  int IsLocked(int fd, bool* locked) override {
    struct flock lock = WholeFile();
    const int answer = OrError(::fcntl(fd, F_OFD_GETLK, &lock));
    *locked = answer >= 0 && lock.l_type != F_UNLCK;
    return answer;
  }
  int Rename(const std::string& from, const std::string& to) override {
    return OrError(std::rename(from.c_str(), to.c_str()));
  }
  int MakeFolder(const std::string& path, mode_t permissions) override {
    return OrError(::mkdir(path.c_str(), permissions));
  }
  int RemoveFile(const std::string& path) override { return OrError(::unlink(path.c_str())); }
  int RemoveFolder(const std::string& path) override { return OrError(::rmdir(path.c_str())); }
  int StatusOf(const std::string& path, struct stat* status) override {
    return OrError(::lstat(path.c_str(), status));
  }
  int StatusOf(int fd, struct stat* status) override { return OrError(::fstat(fd, status)); }

  int List(const std::string& path, std::vector<std::string>* names) override {
    // std::filesystem is no choice here: its iterators end the process when memory is short.
    const std::unique_ptr<DIR, CloseFolder> folder(::opendir(path.c_str()));
    if (folder == nullptr) return -errno;
    errno = 0;
    while (const dirent* const entry = ::readdir(folder.get())) {
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") names->emplace_back(name);
      errno = 0;
    }
    const int error = errno;
    std::ranges::sort(*names);
    return -error;
  }

  int FreeBytes(const std::string& path, int64_t* free_bytes) override {
    struct statvfs space {};
    if (::statvfs(path.c_str(), &space) != 0) return -errno;
    // Some network and user-space file systems leave every field 0.
    const bool says_nothing = space.f_blocks == 0;
    *free_bytes = std::numeric_limits<int64_t>::max();
    if (!says_nothing) *free_bytes = space.f_bavail * space.f_frsize;
    return 0;
  }

  void Wait(double seconds) override {
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  }
};

std::atomic<FileSystem*> current = nullptr;  // null: POSIX

}  // namespace

FileSystem& FileSystem::Posix() {
  static PosixFileSystem posix;
  return posix;
}

FileSystem& FileSystem::Current() {
  FileSystem* const replacement = current.load(std::memory_order_acquire);
  return replacement == nullptr ? Posix() : *replacement;
}

FileSystem* FileSystem::Replace(FileSystem* replacement) { return current.exchange(replacement); }

int ErrorOfTransfer(int64_t answer) { return answer < 0 ? static_cast<int>(-answer) : EIO; }

}  // namespace hearth
