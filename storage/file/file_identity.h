#pragma once

#include <cstdint>
#include <string>

#include <sys/stat.h>

namespace hearth {

class FileDescriptor;

/// Identifies a file on this host, and a state of its content, without reading it. The kernel alone
/// sets the change time, so even a change followed by a reset of the modification time is noticed.
struct FileIdentity {
  int64_t device = 0, inode = 0;
  int64_t size_bytes = 0;
  int64_t modified_nsec = 0, changed_nsec = 0;  ///< since 1970, by the clock of the file system

  bool operator==(const FileIdentity&) const = default;
  /// True for the same file with the same content, even if links, names or permissions changed.
  bool SameContentAs(const FileIdentity& other) const;
};

FileIdentity IdentityOf(const struct stat& status);
FileIdentity IdentityOf(const FileDescriptor& file);

/// Throws DataError naming the path unless it still names the file of this identity, unchanged.
void RequireUnchanged(const std::string& path, const FileIdentity& identity);

}  // namespace hearth
