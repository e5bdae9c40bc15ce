#include "storage/file/known_files.h"

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string_view>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/error.h"
#include "common/host_name.h"
#include "common/text.h"
#include "storage/file/file_descriptor.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

/// Belongs to the list's name. A stricter check gets a new number, so that files checked by an
/// older hearth are checked again.
constexpr int kChecksVersion = 1;
constexpr int64_t kMaxBytes = int64_t{4} << 20;  // some 30,000 files

std::string LineOf(const FileIdentity& identity, const std::string& sha256) {
  return fmt::format("{} {} {} {} {} {}", identity.device, identity.inode, identity.size_bytes,
                     identity.modified_nsec, identity.changed_nsec, sha256);
}

/// Opens the list if it is a regular file that this user alone may write.
std::optional<int> OpenOwnFile(const std::string& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
  if (fd < 0) return std::nullopt;
  struct stat status {};
  if (::fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == ::geteuid() &&
      (status.st_mode & (S_IWGRP | S_IWOTH)) == 0) {
    return fd;
  }
  ::close(fd);
  return std::nullopt;
}

std::string EnvironmentValue(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

std::string KnownFiles::DefaultPath() {
  std::string cache = EnvironmentValue("XDG_CACHE_HOME");
  if (cache.empty()) {
    const std::string home = EnvironmentValue("HOME");
    if (home.empty()) return "";
    cache = home + "/.cache";
  }
  // Several hosts may share a home folder, but each has its own device numbers.
  return fmt::format("{}/hearth/checked-files-{}-{}", cache, kChecksVersion, HostName());
}

KnownFiles::KnownFiles(std::string path, std::chrono::nanoseconds settling)
    : path_(std::move(path)), settling_(settling) {}

bool KnownFiles::Has(const FileIdentity& identity, const std::string& sha256) {
  if (path_.empty()) return false;
  const std::string line = LineOf(identity, sha256);
  const std::lock_guard lock(mutex_);
  if (!lines_.contains(line)) ReadNewLines();
  return lines_.contains(line);
}

void KnownFiles::Remember(std::span<const std::pair<FileIdentity, std::string>> files) {
  if (path_.empty()) return;
  const int64_t now_nsec =
      std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count();
  std::string text;
  for (const auto& [identity, sha256] : files) {
    const int64_t last_nsec = std::max(identity.modified_nsec, identity.changed_nsec);
    if (now_nsec - last_nsec >= settling_.count()) text += LineOf(identity, sha256) + "\n";
  }
  if (text.empty()) return;
  std::error_code ignored;
  fs::create_directories(FolderOf(path_), ignored);
  const std::optional<int> fd = OpenOwnFile(path_, O_WRONLY | O_CREAT | O_APPEND);
  if (!fd) return;
  struct stat status {};
  const bool too_long = ::fstat(*fd, &status) == 0 && status.st_size > kMaxBytes;
  // One appending write keeps the lines of other processes whole. A line that is cut or lost
  // matches no file, so its file is checked again.
  if (!too_long || ::ftruncate(*fd, 0) == 0) {
    [[maybe_unused]] const ssize_t written = ::write(*fd, text.data(), text.size());
  }
  ::close(*fd);
}

void KnownFiles::ReadNewLines() {
  const std::optional<int> fd = OpenOwnFile(path_, O_RDONLY);
  if (!fd) return;
  struct stat status {};
  if (::fstat(*fd, &status) == 0 && status.st_size != bytes_read_ &&
      status.st_size <= 2 * kMaxBytes) {
    std::string text(status.st_size, '\0');
    const ssize_t count = ::pread(*fd, text.data(), text.size(), 0);
    bytes_read_ = std::max<int64_t>(count, 0);
    text.resize(bytes_read_);
    for (const std::string_view line : SplitText(text, "\n")) lines_.emplace(line);
  }
  ::close(*fd);
}

}  // namespace hearth
