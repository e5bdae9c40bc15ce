#pragma once

#include <cstdint>
#include <string>

#include <sys/stat.h>

namespace hearth {

class FileDescriptor;

/// What tells a file, and a state of its content, from every other on this host, without reading
/// it. Nobody but the kernel sets the change time, so a change whose modification time was put back
/// is noticed as well.
struct FileIdentity {
  int64_t device = 0, inode = 0;
  int64_t size_bytes = 0;
  int64_t modified_nsec = 0, changed_nsec = 0;  ///< since 1970, by the clock of the file system

  bool operator==(const FileIdentity&) const = default;
  /// The same file with the same content; links, names and permissions may have changed.
  bool SameContentAs(const FileIdentity& other) const;
};

FileIdentity IdentityOf(const struct stat& status);
FileIdentity IdentityOf(const FileDescriptor& file);

/// Throws DataError naming the path unless it still names the file of this identity, unchanged.
void RequireUnchanged(const std::string& path, const FileIdentity& identity);

}  // namespace hearth
