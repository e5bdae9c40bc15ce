#pragma once

#include <functional>
#include <string>
#include <vector>

#include "storage/file/file_descriptor.h"
#include "storage/file/known_files.h"

namespace hearth {

/// Checks the files of a data set before this process reads them. The content is compared with the
/// manifest's SHA-256, then read once in a sandbox, because a manifest from a stranger proves
/// nothing. A file that passed before on this host and has not changed since passes at once
/// (KnownFiles). Thread safe.
class FileGate {
 public:
  /// `known_files` is the path given to KnownFiles; "" remembers nothing.
  explicit FileGate(std::string known_files = KnownFiles::DefaultPath());

  struct File {
    const FileDescriptor* descriptor;
    std::string sha256;           ///< from the manifest
    std::function<void()> parse;  ///< reads the whole file; throws if it is faulty
  };

  /// Throws DataError naming the first file that differs from the manifest, changes during the
  /// check, or cannot be parsed.
  void Admit(const std::vector<File>& files);

 private:
  KnownFiles known_;
};

/// Calls `parse` in a sandbox to read `file`. Rethrows its exception. Throws DataError naming the
/// file when `parse` crashes or takes too much memory or time for a file of this size.
void ParseInSandbox(const FileDescriptor& file, const std::function<void()>& parse);

/// Opens a file that a manifest lists, for reading. Throws DataError naming the file when it is a
/// link or no regular file, else throws like FileDescriptor::OpenForReading.
FileDescriptor OpenListedFile(const std::string& path);

/// Throws DataError naming the file and both hashes when they differ.
void RequireSha256(const FileDescriptor& file, const std::string& expected);

}  // namespace hearth
