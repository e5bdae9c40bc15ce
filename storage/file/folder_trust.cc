#include "storage/file/folder_trust.h"

#include <mutex>
#include <set>

#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/error.h"

namespace hearth {
namespace {

void RequireNotForAll(const std::string& path, const struct stat& status) {
  if ((status.st_mode & S_IWOTH) == 0 || (status.st_mode & S_ISVTX) != 0) return;
  throw PermissionError(
      "'{}' (owner uid {}, mode {:o}) may be changed by everybody, so nothing in it can be "
      "trusted: "
      "chmod o-w it, once you know its content is what it should be",
      path, status.st_uid, status.st_mode & 07777U);
}

/// Guesses if the group has members besides the owner. The group that new files of this user get
/// counts as the user's own group, without other members.
bool IsSharedGroup(const struct stat& status) {
  return status.st_uid != ::geteuid() || status.st_gid != ::getegid();
}

void WarnOnce(const std::string& path, const struct stat& status) {
  static std::mutex mutex;
  static std::set<std::string> warned;
  const std::lock_guard lock(mutex);
  if (!warned.insert(path).second) return;
  spdlog::warn("'{}' (mode {:o}) may be changed by group {}; if that is not wanted: chmod g-w",
               path, status.st_mode & 07777U, status.st_gid);
}

}  // namespace

void RequireTrustedFolder(const std::string& path) {
  struct stat folder {};
  if (::stat(path.c_str(), &folder) != 0 || !S_ISDIR(folder.st_mode)) return;
  RequireNotForAll(path, folder);
  const std::string around = path + "/..";
  struct stat parent {};
  if (::stat(around.c_str(), &parent) == 0) RequireNotForAll(around, parent);
  if ((folder.st_mode & S_IWGRP) != 0 && IsSharedGroup(folder)) WarnOnce(path, folder);
}

}  // namespace hearth
