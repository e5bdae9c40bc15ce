#pragma once

#include <functional>
#include <string>
#include <vector>

#include "storage/file/file_descriptor.h"
#include "storage/file/known_files.h"

namespace hearth {

/// What stands between the files of a data set and the reading of them in this process: the content
/// is compared with the SHA-256 that the manifest has of it, then read once in a sandbox, since a
/// manifest from a stranger vouches for nothing. Files that passed before on this host, and have
/// not changed since, pass at once (KnownFiles). Thread safe.
class FileGate {
 public:
  /// `known_files`: see KnownFiles; "" remembers nothing.
  explicit FileGate(std::string known_files = KnownFiles::DefaultPath());

  struct File {
    const FileDescriptor* descriptor;
    std::string sha256;           ///< from the manifest
    std::function<void()> parse;  ///< all that reading the file does; throws what is wrong with it
  };

  /// Throws DataError naming the first file that is not its manifest's, changes meanwhile, or
  /// cannot be parsed.
  void Admit(const std::vector<File>& files);

 private:
  KnownFiles known_;
};

/// Calls `parse`, which reads `file`, in a sandbox. Throws what it threw, or DataError naming the
/// file when it crashed or took too much memory or time for a file of this size.
void ParseInSandbox(const FileDescriptor& file, const std::function<void()>& parse);

/// A file that a manifest lists, opened for reading. Throws DataError naming it when it is a link
/// or no regular file, else what FileDescriptor::OpenForReading throws.
FileDescriptor OpenListedFile(const std::string& path);

/// Throws DataError naming the file and both hashes when they differ.
void RequireSha256(const FileDescriptor& file, const std::string& expected);

}  // namespace hearth
