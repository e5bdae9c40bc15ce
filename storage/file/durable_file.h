#pragma once

#include <string>
#include <string_view>

#include <sys/stat.h>

#include "storage/file/file_descriptor.h"

namespace hearth {

/// Permissions of a file for its owner alone: checkpoints hold the behaviour of users.
inline constexpr mode_t kPrivateFile = 0600;
/// Permissions left to the umask: data sets are shared like the user's other files.
inline constexpr mode_t kSharedFile = 0666;

/// A file that becomes visible under its name whole and synced, or not at all. It is written under
/// a temporary name in the same folder and synced. Commit() renames it and syncs the folder.
///
///   PendingFile file(path, kPrivateFile);
///   file.descriptor().Write(bytes);       // or let a library write to file.temporary_path()
///   file.Commit();
///
/// The destructor removes the temporary file if there was no Commit(). All failures throw
/// PermissionError or StorageError naming the path. After a failed Commit() the old file, if any,
/// is still in place, unless the message says that the folder could not be synced.
class PendingFile {
 public:
  explicit PendingFile(std::string path, mode_t permissions = kPrivateFile);
  ~PendingFile();
  PendingFile(const PendingFile&) = delete;
  PendingFile& operator=(const PendingFile&) = delete;

  /// The file is created empty and exclusively: a link planted under this name is not followed.
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

/// A folder that becomes visible under its name whole, or not at all. It is filled under a
/// temporary name next to the final one. Commit() renames it. The destructor removes it with all
/// its content if there was no Commit().
class PendingFolder {
 public:
  /// Makes missing parents. Refuses (UsageError) a path that names anything but an empty folder.
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

/// Renames `from` to `to` in the same file system and syncs the folder of `to`. A network file
/// system may answer with an error although the rename happened (the server's first reply was
/// lost): the file's identity proves the rename then, and no error is thrown.
void RenameDurably(const std::string& from, const std::string& to);

}  // namespace hearth
