#include "storage/file/file_identity.h"

#include <cerrno>

#include "common/error.h"
#include "storage/file/file_descriptor.h"

namespace hearth {
namespace {

int64_t Nanoseconds(const timespec& time) {
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

bool FileIdentity::SameContentAs(const FileIdentity& other) const {
  return device == other.device && inode == other.inode && size_bytes == other.size_bytes &&
         modified_nsec == other.modified_nsec;
}

FileIdentity IdentityOf(const struct stat& status) {
  FileIdentity identity;
  identity.device = status.st_dev;
  identity.inode = status.st_ino;
  identity.size_bytes = status.st_size;
  identity.modified_nsec = Nanoseconds(status.st_mtim);
  identity.changed_nsec = Nanoseconds(status.st_ctim);
  return identity;
}

FileIdentity IdentityOf(const FileDescriptor& file) { return IdentityOf(file.Status()); }

void RequireUnchanged(const std::string& path, const FileIdentity& identity) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    if (errno != ENOENT && errno != ENOTDIR) ThrowFileError("look at", path, errno);
    throw DataError("'{}' was removed while in use: keep a data set as it is until its run ends",
                    path);
  }
  if (!IdentityOf(status).SameContentAs(identity)) {
    throw DataError(
        "'{}' was changed or replaced while in use ({} bytes now, {} when it was opened): keep a "
        "data set as it is until its run ends",
        path, status.st_size, identity.size_bytes);
  }
}

}  // namespace hearth
