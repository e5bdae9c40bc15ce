#pragma once

#include <string>
#include <string_view>

#include <sys/stat.h>

#include "storage/file/file_descriptor.h"

namespace hearth {

/// Permissions of files that only their owner may read: checkpoints hold what users did.
inline constexpr mode_t kPrivateFile = 0600;
/// Permissions left to the umask: data sets are shared the way the user's other files are.
inline constexpr mode_t kSharedFile = 0666;

/// A file that becomes visible under its name whole and synced, or not at all: it is written under
/// a temporary name in the same folder, synced, renamed, and the folder is synced.
///
///   PendingFile file(path, kPrivateFile);
///   file.descriptor().Write(bytes);       // or let a library write to file.temporary_path()
///   file.Commit();
///
/// Without Commit() the temporary file is removed. All failures throw PermissionError or
/// StorageError naming the path. After a failed Commit() the old file, if any, is still in place
/// unless the message says that only the folder could not be synced.
class PendingFile {
 public:
  explicit PendingFile(std::string path, mode_t permissions = kPrivateFile);
  ~PendingFile();
  PendingFile(const PendingFile&) = delete;
  PendingFile& operator=(const PendingFile&) = delete;

  /// Created empty and exclusively: no link planted under this name is followed.
  const std::string& temporary_path() const { return descriptor_.path(); }
  const FileDescriptor& descriptor() const { return descriptor_; }
  void Commit();

 private:
  std::string path_;
  FileDescriptor descriptor_;
  bool pending_ = true;
};

/// Writes a whole small file through a PendingFile.
void WriteFileDurably(const std::string& path, std::string_view bytes,
                      mode_t permissions = kPrivateFile);

/// A folder that becomes visible under its name whole, or not at all: it is filled under a
/// temporary name beside it and renamed. Without Commit() it is removed with all that is in it.
class PendingFolder {
 public:
  /// Parents are made. Refuses (UsageError) a path where there is something but an empty folder.
  explicit PendingFolder(const std::string& path);
  ~PendingFolder();
  PendingFolder(const PendingFolder&) = delete;
  PendingFolder& operator=(const PendingFolder&) = delete;

  const std::string& temporary_path() const { return temporary_path_; }
  /// Its files must be durable already.
  void Commit();

 private:
  std::string path_, temporary_path_;
  bool pending_ = true;
};

/// Makes a folder whose parent exists. Throws PermissionError or StorageError naming it.
void MakeFolder(const std::string& path, mode_t permissions);

/// Makes the entries of a folder (new names, renames, removals) durable.
void SyncFolder(const std::string& path);

/// Renames `from` to `to` in the same file system and syncs the folder of `to`. An error answer of
/// a network file system whose rename did happen (the server's first reply was lost) is recognised
/// by the file's identity and not reported.
void RenameDurably(const std::string& from, const std::string& to);

}  // namespace hearth
